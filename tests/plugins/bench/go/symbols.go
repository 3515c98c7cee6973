package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/pull"
	"go.nanomsg.org/mangos/v3/protocol/push"
)

// tuple is a row as it goes to the host. The SDK takes a map as the message; this peer has a
// struct, which takes about 1 µs less to encode, to be as fast as possible.
type tuple struct {
	Message message        `json:"message"`
	Meta    map[string]any `json:"meta"`
}

type message struct {
	N   int    `json:"n"`
	Pad string `json:"pad"`
	T   int64  `json:"t,omitempty"`
}

// rowsSource emits rows on a goroutine of its own.
type rowsSource struct {
	Pad      int `json:"pad"`
	Interval int `json:"interval"`
	socket   mangos.Socket
	stopping chan struct{}
	ended    chan struct{}
}

func startRows(a *argument) (instance, error) {
	s := &rowsSource{stopping: make(chan struct{}), ended: make(chan struct{})}
	if err := a.configure(s); err != nil {
		return nil, err
	}
	if s.Pad < 0 || s.Interval < 0 {
		return nil, fmt.Errorf("bench_rows: config: pad and interval must not be negative")
	}
	var err error
	if s.socket, err = push.NewSocket(); err != nil {
		return nil, err
	}
	if err := s.socket.DialOptions(a.address(), inBackground); err != nil {
		s.socket.Close()
		return nil, fmt.Errorf("cannot dial %s: %w", a.address(), err)
	}
	go s.run()
	return s, nil
}

func (s *rowsSource) run() {
	defer close(s.ended)
	pad := strings.Repeat("x", s.Pad)
	for n := 1; ; n++ {
		m := message{N: n, Pad: pad}
		if s.Interval > 0 {
			m.T = time.Now().UnixNano()
		}
		row, err := json.Marshal(tuple{Message: m})
		if err == nil {
			err = s.socket.Send(row)
		}
		if err != nil {
			logUnlessClosed("bench_rows", err)
			return
		}
		if s.Interval > 0 {
			select {
			case <-s.stopping:
				return
			case <-time.After(time.Duration(s.Interval) * time.Microsecond):
			}
		}
	}
}

// stop closes the socket, which ends a blocked send as well.
func (s *rowsSource) stop() {
	close(s.stopping)
	s.socket.Close()
	<-s.ended
}

// How many rows the sinks of the process took, and how many were not JSON or not in order.
var rows, wrong atomic.Uint64

// takeSink counts rows on a goroutine of its own. A close of its sockets ends its waits.
type takeSink struct {
	RequireAck bool `json:"requireAck"`
	data, acks mangos.Socket
	ended      chan struct{}
}

func startTake(a *argument) (instance, error) {
	s := &takeSink{ended: make(chan struct{})}
	if err := a.configure(s); err != nil {
		return nil, err
	}
	var err error
	if s.data, err = pull.NewSocket(); err != nil {
		return nil, err
	}
	if s.acks, err = push.NewSocket(); err != nil {
		return nil, err
	}
	unlimited := map[string]any{mangos.OptionMaxRecvSize: 0}
	if err := s.data.ListenOptions(a.address(), unlimited); err != nil {
		s.close()
		return nil, fmt.Errorf("cannot listen at %s: %w", a.address(), err)
	}
	// In the background: some hosts have no ack channel.
	ackAddress := strings.TrimSuffix(a.address(), ".ipc") + "_ack.ipc"
	if err := s.acks.DialOptions(ackAddress, inBackground); err != nil {
		s.close()
		return nil, fmt.Errorf("cannot dial %s: %w", ackAddress, err)
	}
	go s.run()
	return s, nil
}

func (s *takeSink) run() {
	defer close(s.ended)
	for last := uint64(0); ; {
		message, err := s.data.Recv()
		if err != nil {
			logUnlessClosed("bench_take", err)
			return
		}
		n, err := number(message)
		if err != nil || n != last+1 {
			wrong.Add(1)
		}
		if err == nil {
			last = n
		}
		rows.Add(1)
		if s.RequireAck {
			if err := s.acks.Send([]byte("{}")); err != nil {
				logUnlessClosed("bench_take", err)
				return
			}
		}
	}
}

// number reads an array of one row and returns the row's n.
func number(message []byte) (uint64, error) {
	var batch []struct {
		N   uint64 `json:"n"`
		Pad string `json:"pad"`
	}
	if err := json.Unmarshal(message, &batch); err != nil {
		return 0, err
	}
	if len(batch) != 1 {
		return 0, fmt.Errorf("expected 1 row, got %d", len(batch))
	}
	return batch[0].N, nil
}

func (s *takeSink) stop() {
	s.close()
	<-s.ended
}

func (s *takeSink) close() {
	s.data.Close()
	s.acks.Close()
}

func logUnlessClosed(symbol string, err error) {
	if err != mangos.ErrClosed {
		fmt.Fprintf(os.Stderr, "bench_go: %s has ended: %v\n", symbol, err)
	}
}
