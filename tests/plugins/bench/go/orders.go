package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// order is what a host sends on the control channel; Arg is an argument as a text.
type order struct {
	Cmd string `json:"cmd"`
	Arg string `json:"arg"`
}

// argument names a symbol and, for a source or sink, the instance and its configuration.
type argument struct {
	SymbolName string `json:"symbolName"`
	PluginType string `json:"pluginType"`
	Meta       struct {
		RuleID     string `json:"ruleId"`
		OpID       string `json:"opId"`
		InstanceID int    `json:"instanceId"`
	} `json:"meta"`
	Config json.RawMessage `json:"config"`
}

// address returns the URL of the instance's data channel.
func (a *argument) address() string {
	return fmt.Sprintf("ipc:///tmp/%s_%s_%d.ipc", a.Meta.RuleID, a.Meta.OpID, a.Meta.InstanceID)
}

// configure reads the configuration into target, which holds the defaults.
func (a *argument) configure(target any) error {
	if len(a.Config) == 0 {
		return nil
	}
	if err := json.Unmarshal(a.Config, target); err != nil {
		return fmt.Errorf("%s: config: %w", a.SymbolName, err)
	}
	return nil
}

// instance is a running source or sink; stop returns when its channels are closed.
type instance interface {
	stop()
}

// plugin holds what runs.
type plugin struct {
	sync.Mutex
	instances map[string]running
	functions map[string]bool
}

// running is an instance and the argument that started it.
type running struct {
	instance
	arg string
}

func newPlugin() *plugin {
	return &plugin{instances: map[string]running{}, functions: map[string]bool{}}
}

// answer carries out an order and returns its answer.
func (p *plugin) answer(message []byte) []byte {
	var o order
	if err := json.Unmarshal(message, &o); err != nil {
		return fmt.Appendf(nil, "cannot read the order: %v", err)
	}
	var a argument
	if err := json.Unmarshal([]byte(o.Arg), &a); err != nil {
		return fmt.Appendf(nil, "cannot read the arg of the order: %v", err)
	}
	p.Lock()
	defer p.Unlock()
	var err error
	switch o.Cmd {
	case "start":
		err = p.start(&a, o.Arg)
	case "stop":
		p.stop(key(&a))
	default:
		err = fmt.Errorf("unknown cmd %q", o.Cmd)
	}
	if err != nil {
		return []byte(err.Error())
	}
	return []byte("ok")
}

func key(a *argument) string {
	return fmt.Sprintf("%s_%s_%d_%s", a.Meta.RuleID, a.Meta.OpID, a.Meta.InstanceID, a.SymbolName)
}

// start starts a symbol. An instance that runs with the same argument goes on; one that runs with
// another argument is stopped first.
func (p *plugin) start(a *argument, arg string) error {
	var build func(*argument) (instance, error)
	switch a.PluginType + " " + a.SymbolName {
	case "func bench_echo":
		return p.startFunction(a.SymbolName, echo)
	case "func bench_head":
		return p.startFunction(a.SymbolName, head)
	case "func bench_fill":
		return p.startFunction(a.SymbolName, fill)
	case "func bench_taken":
		return p.startFunction(a.SymbolName, taken)
	case "source bench_rows":
		build = startRows
	case "sink bench_take":
		build = startTake
	default:
		return fmt.Errorf("there is no %s %q", a.PluginType, a.SymbolName)
	}
	k := key(a)
	if old, ok := p.instances[k]; ok {
		if old.arg == arg {
			return nil
		}
		p.stop(k)
	}
	started, err := build(a)
	if err != nil {
		return err
	}
	p.instances[k] = running{started, arg}
	return nil
}

func (p *plugin) startFunction(name string, exec func([]any) (any, error)) error {
	if p.functions[name] {
		return nil
	}
	p.functions[name] = true
	go func() {
		answer := func(message []byte) []byte { return call(exec, message) }
		err := serve("ipc:///tmp/func_"+name+".ipc", answer)
		fmt.Fprintf(os.Stderr, "bench_go: function %s: %v\n", name, err)
	}()
	return nil
}

// stop stops an instance. It is not an error if none runs: a host may stop what it had started in a
// process that crashed.
func (p *plugin) stop(k string) {
	if old, ok := p.instances[k]; ok {
		delete(p.instances, k)
		old.stop()
	}
}

// stopAll stops every instance, so that no socket file is left.
func (p *plugin) stopAll() {
	p.Lock()
	defer p.Unlock()
	for k := range p.instances {
		p.stop(k)
	}
}
