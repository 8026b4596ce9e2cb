package run

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// logger writes lines as k6 does where no person looks on: time, level, message.
type logger struct {
	mutex  sync.Mutex
	output io.Writer
}

func (l *logger) log(level, message string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	message = strings.TrimSpace(message)
	fmt.Fprintf(l.output, "time=%q level=%s msg=%q\n", time.Now().Format(time.RFC3339), level, message)
}
