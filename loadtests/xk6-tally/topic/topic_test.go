package topic

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"tally.internal/xk6-tally/operands"
)

const contract = "../../../contracts/avro/"

// serve answers as a registry that has one schema, under the id 7.
func serve(t *testing.T, file string) *registry {
	t.Helper()
	text, err := os.ReadFile(contract + file)
	if err != nil {
		t.Skipf("the contracts are not beside this module: %v", err)
	}
	answer, _ := json.Marshal(map[string]any{"schema": string(text), "id": 7})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/schemas/ids/7" && !strings.HasSuffix(r.URL.Path, "/versions/latest") {
			http.Error(w, "no such schema", http.StatusNotFound)
			return
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	return newRegistry(server.URL + "/")
}

// An addition is written and read by the contract's schema, byte for byte: 72 bytes behind the frame.
func TestRecord(t *testing.T) {
	lookups := serve(t, "sum_added.avsc")
	schema, err := lookups.schema(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	event := sumAdded{RequestID: [16]byte{1, 2}, A: operands.FromInt64(-5).Bytes(), B: operands.FromInt64(7).Bytes(),
		Sum: operands.FromInt64(2).Bytes(), AddedAt: time.UnixMicro(1_700_000_000_123_456).UTC()}
	body, err := avro.Marshal(schema, event)
	if err != nil || len(body) != 72 {
		t.Fatal(len(body), err)
	}
	var read sumAdded
	if err := lookups.decode(t.Context(), frame(7, body), &read); err != nil || read != event {
		t.Fatalf("%+v is read as %+v: %v", event, read, err)
	}
}

// A dead letter is read by the contract's schema; the fields that are not needed are passed over.
func TestDeadLetter(t *testing.T) {
	lookups := serve(t, "dead_letter.avsc")
	schema, err := lookups.schema(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	body, err := avro.Marshal(schema, map[string]any{
		"source_topic": Sums, "source_topic_id": "x", "source_partition": 3, "source_offset": int64(1) << 40,
		"source_timestamp": time.UnixMilli(1), "reason": "WRONG_KEY", "detail": "d", "schema_id": 7,
		"key": nil, "value": []byte("v"), "schema_guid": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	var read deadLetter
	want := deadLetter{3, 1 << 40, "WRONG_KEY"}
	if err := lookups.decode(t.Context(), frame(7, body), &read); err != nil || read != want {
		t.Fatalf("%+v, %v", read, err)
	}
}

// A wrong sum, key or partition is told, and each kind of poison is what its name says.
func TestFaults(t *testing.T) {
	const partitions = 12
	lookups := serve(t, "sum_added.avsc")
	schema, err := lookups.schema(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	id := operands.NewDraw(operands.Tag{}, 1, 1).NextID()
	told := map[string]string{}
	for _, reason := range append([]string{"NONE"}, Reasons...) {
		record, err := brokenRecord(reason, id, 7, schema, partitions)
		if err != nil {
			t.Fatal(err)
		}
		var event sumAdded
		if err := lookups.decode(t.Context(), record.Value, &event); err != nil {
			told[reason] = "not decoded"
			continue
		}
		told[reason] = event.fault(record.Key, record.Partition, partitions)
	}
	want := map[string]string{"NONE": "", "FRAMING": "not decoded", "UNDECODABLE": "not decoded",
		"WRONG_SUM": "sum is not a + b", "WRONG_KEY": "the key is not the request id",
		"WRONG_PARTITION": "the partition is not the request id's"}
	for reason, fault := range want {
		if told[reason] != fault {
			t.Fatalf("%s is told as %q, not %q", reason, told[reason], fault)
		}
	}
}

// A schema that cannot be had is no verdict on the record; a value without a frame is one.
func TestLookups(t *testing.T) {
	lookups := serve(t, "sum_added.avsc")
	var event sumAdded
	err := lookups.decode(t.Context(), frame(8, nil), &event)
	if missing := (*lookupError)(nil); !errors.As(err, &missing) || !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
	for _, value := range []string{"", "\x00\x00", "\x01\x00\x00\x00\x07abc", "no frame"} {
		if err := lookups.decode(t.Context(), []byte(value), &event); !errors.Is(err, errFraming) {
			t.Fatalf("%q: %v", value, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lookups.latest(ended, "x"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
