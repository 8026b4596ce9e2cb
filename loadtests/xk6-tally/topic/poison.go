package topic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"tally.internal/xk6-tally/operands"
)

// Reasons are the kinds of poison that are sent, one record of each, as the contract of the dead letters names them.
var Reasons = []string{"FRAMING", "UNDECODABLE", "WRONG_SUM", "WRONG_KEY", "WRONG_PARTITION"}

// Poison is one record that was sent on purpose, and the verdict that it must get.
type Poison struct {
	Place
	Reason string
}

const poisonWait = 30 * time.Second

// Poison sends one record for each way to break the contract, with ids that are not the run's.
func (w *Watch) Poison(ctx context.Context) ([]Poison, error) {
	ctx, cancel := context.WithTimeout(ctx, poisonWait)
	defer cancel()
	lookups := newRegistry(w.settings.Registry) // the watch's goroutine has its own
	id, err := lookups.latest(ctx, Sums+"-value")
	if err != nil {
		return nil, err
	}
	schema, err := lookups.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	draw := operands.NewDraw(operands.Tag{}, rand.Uint64(), rand.Uint64())
	records := make([]*kgo.Record, len(Reasons))
	for number, reason := range Reasons {
		if records[number], err = brokenRecord(reason, draw.NextID(), id, schema, w.partitions); err != nil {
			return nil, err
		}
	}
	results := w.client.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return nil, fmt.Errorf("Kafka did not take the poison: %w", err)
	}
	sent := make([]Poison, len(records))
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for number, record := range records { // ProduceSync fills the place in; its results have an order of their own
		sent[number] = Poison{Place{record.Partition, record.Offset}, Reasons[number]}
		w.poison[sent[number].Place] = Reasons[number]
	}
	return sent, nil
}

func brokenRecord(reason string, id operands.ID, schemaID int, schema avro.Schema, partitions int) (*kgo.Record, error) {
	a, b, sum := int64(2_000_000_000), int64(40_000_000_000), int64(42_000_000_000)
	if reason == "WRONG_SUM" {
		sum++
	}
	body, err := avro.Marshal(schema, sumAdded{
		RequestID: id, A: operands.FromInt64(a).Bytes(), B: operands.FromInt64(b).Bytes(),
		Sum: operands.FromInt64(sum).Bytes(), AddedAt: time.Now(),
	})
	if err != nil {
		return nil, fmt.Errorf("the registry's schema %d is not that of an addition: %w", schemaID, err)
	}
	record := &kgo.Record{
		Topic: Sums, Partition: id.Partition(partitions), Key: id[:], Value: frame(schemaID, body),
	}
	switch reason {
	case "FRAMING":
		record.Value = []byte("no frame")
	case "UNDECODABLE":
		record.Value = record.Value[:20]
	case "WRONG_KEY":
		record.Key = []byte("not the id of it")
	case "WRONG_PARTITION":
		record.Partition = (record.Partition + 1) % int32(partitions)
	}
	return record, nil
}
