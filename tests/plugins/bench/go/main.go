// The benchmark's peer in Go: a plugin on mangos, built as eKuiper's Go SDK builds one.
//
// It has a goroutine for each instance, encoding/json for each row and order, and sockets of
// mangos with their default queues. The Go module proxy has these parts, but not the SDK.
//
//   - bench_rows (source) emits {"n":1,"pad":"xxx…"}, {"n":2,…}, …; the pad has `pad` times x.
//     With `interval` (µs) it sleeps between rows, and adds `t`: nanoseconds since the epoch.
//   - bench_take (sink) checks that `n` counts up from 1 in each instance; it sends acks if `requireAck` is set.
//   - bench_echo (function) returns its first argument.
//   - bench_head (function) decodes base64 and returns the first 6 bytes.
//   - bench_fill (function) decodes base64 and returns it, made as many bytes long as the second
//     argument says.
//   - bench_taken (function) returns [rows, wrong]: how many rows the sinks of the process took so
//     far, and how many of them were wrong.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/req"
	_ "go.nanomsg.org/mangos/v3/transport/ipc"
)

func main() {
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	plugin := newPlugin()
	ended := make(chan error, 1)
	go func() { ended <- serve("ipc:///tmp/plugin_bench_go.ipc", plugin.answer) }()

	select {
	case <-stopped:
		plugin.stopAll()
	case err := <-ended:
		fmt.Fprintln(os.Stderr, "bench_go: control channel:", err)
		os.Exit(1)
	}
}

// serve greets and answers, on one connection after the other.
//
// It dials in the background until it has a connection, for which the greeting waits.
func serve(url string, answer func([]byte) []byte) error {
	socket, err := req.NewSocket()
	if err != nil {
		return err
	}
	// Never send an answer again: it would answer the next order.
	if err := socket.SetOption(mangos.OptionRetryTime, time.Duration(0)); err != nil {
		return err
	}
	if err := socket.DialOptions(url, inBackground); err != nil {
		return fmt.Errorf("cannot dial %s: %w", url, err)
	}
	message := greeting
	for {
		if err := socket.Send(message); err != nil {
			return err
		}
		switch order, err := socket.Recv(); err {
		case nil:
			message = answer(order)
		case mangos.ErrCanceled: // the connection is lost
			message = greeting
		default:
			return err
		}
	}
}

// greeting is the first message on each connection.
var greeting = []byte("handshake")

// inBackground makes a dial return at once; mangos retries every 100 ms until somebody listens.
var inBackground = map[string]any{
	mangos.OptionDialAsynch:       true,
	mangos.OptionReconnectTime:    100 * time.Millisecond,
	mangos.OptionMaxReconnectTime: 5 * time.Second,
	mangos.OptionMaxRecvSize:      0, // as eKuiper does: no limit
}

// request is what a host sends on the channel of a function.
type request struct {
	Func string `json:"func"`
	Arg  []any  `json:"arg"`
}

// reply is the answer to a request.
type reply struct {
	State  bool `json:"state"`
	Result any  `json:"result"`
}

// call answers one request to the function whose value exec computes.
func call(exec func([]any) (any, error), message []byte) []byte {
	result, err := evaluate(exec, message)
	if err != nil {
		return encodeReply(reply{false, err.Error()})
	}
	return encodeReply(reply{true, result})
}

func evaluate(exec func([]any) (any, error), message []byte) (any, error) {
	var r request
	if err := json.Unmarshal(message, &r); err != nil {
		return nil, fmt.Errorf("cannot read the request: %w", err)
	}
	switch r.Func {
	case "Validate":
		return "", nil
	case "IsAggregate":
		return false, nil
	case "Exec":
		last := len(r.Arg) - 1
		if last < 0 {
			return nil, fmt.Errorf("the call has no context")
		}
		if err := checkContext(r.Arg[last]); err != nil {
			return nil, err
		}
		return exec(r.Arg[:last])
	}
	return nil, fmt.Errorf("unknown request %q", r.Func)
}

// checkContext reads the context of a call, its last argument: a text that holds JSON.
func checkContext(argument any) error {
	var context struct {
		RuleID     string `json:"ruleId"`
		OpID       string `json:"opId"`
		InstanceID int    `json:"instanceId"`
		FuncID     int    `json:"funcId"`
	}
	text, _ := argument.(string)
	if err := json.Unmarshal([]byte(text), &context); err != nil {
		return fmt.Errorf("cannot read the context of the call: %w", err)
	}
	return nil
}

func encodeReply(r reply) []byte {
	message, err := json.Marshal(r)
	if err != nil { // never: it came from JSON
		return []byte(`{"state":false,"result":"the result is not JSON"}`)
	}
	return message
}

func echo(arguments []any) (any, error) {
	if len(arguments) == 0 {
		return nil, fmt.Errorf("bench_echo takes an argument")
	}
	return arguments[0], nil
}

func head(arguments []any) (any, error) {
	image, err := decode(arguments)
	if err != nil {
		return nil, err
	}
	return image[:min(len(image), 6)], nil
}

func fill(arguments []any) (any, error) {
	start, err := decode(arguments)
	if err != nil {
		return nil, err
	}
	if len(arguments) < 2 {
		return nil, fmt.Errorf("bench_fill takes two arguments")
	}
	length, _ := arguments[1].(float64)
	image := bytes.Repeat([]byte{0xa5}, int(length))
	copy(image, start)
	return image, nil // base64 in JSON
}

func decode(arguments []any) ([]byte, error) {
	if len(arguments) == 0 {
		return nil, fmt.Errorf("the function takes an argument")
	}
	text, _ := arguments[0].(string)
	return base64.StdEncoding.DecodeString(text)
}

func taken([]any) (any, error) {
	return [2]uint64{rows.Load(), wrong.Load()}, nil
}
