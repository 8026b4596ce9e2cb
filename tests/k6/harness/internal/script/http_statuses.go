package script

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/dop251/goja"
)

// statuses are ranges of HTTP status codes, both ends included.
type statuses [][2]int

func (s statuses) have(status int) bool {
	for _, each := range s {
		if each[0] <= status && status <= each[1] {
			return true
		}
	}
	return false
}

// expectedStatuses takes numbers and {min, max}.
func (vu *VU) expectedStatuses(arguments ...goja.Value) (statuses, error) {
	found := statuses{}
	for _, each := range arguments {
		if number, is := each.Export().(int64); is {
			found = append(found, [2]int{int(number), int(number)})
			continue
		}
		fields := vu.fieldsOf("expectedStatuses", each, "min", "max")
		if fields["min"] == nil || fields["max"] == nil {
			return nil, errors.New("expectedStatuses takes numbers and {min, max}")
		}
		found = append(found, [2]int{int(fields["min"].ToInteger()), int(fields["max"].ToInteger())})
	}
	return found, nil
}

func (vu *VU) statusesOf(callback goja.Value) statuses {
	found, is := exported(callback).(statuses)
	if !is {
		vu.throw(fmt.Errorf("a response callback is made by http.expectedStatuses"))
	}
	return found
}

// The codes of errors, as k6's documentation lists them ("Error codes").
const (
	errorGeneric           = 1000
	errorInvalidURL        = 1020
	errorRequestTimeout    = 1050
	errorDNSNoSuchHost     = 1101
	errorTCPBrokenPipe     = 1201
	errorTCPReset          = 1220
	errorTCPDialTimeout    = 1211
	errorTCPDialRefused    = 1212
	errorTCPUnknownNetwork = 1200
)

func errorCode(err error) int {
	dns, operation := (*net.DNSError)(nil), (*net.OpError)(nil)
	switch {
	case errors.As(err, &dns):
		return errorDNSNoSuchHost
	case errors.Is(err, syscall.ECONNREFUSED):
		return errorTCPDialRefused
	case errors.Is(err, syscall.EPIPE):
		return errorTCPBrokenPipe
	case errors.Is(err, syscall.ECONNRESET):
		return errorTCPReset
	case errors.As(err, &operation) && operation.Op == "dial" && operation.Timeout():
		return errorTCPDialTimeout
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return errorRequestTimeout
	case errors.As(err, &operation):
		return errorTCPUnknownNetwork
	}
	return errorGeneric
}

func contextWithTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
