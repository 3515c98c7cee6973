// A reader for sources with a PULL socket of mangos, as in a real eKuiper.
//
// `pull URL` listens, prints "ready", and answers each line on its stdin with the number of
// messages that have come.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/pull"
	_ "go.nanomsg.org/mangos/v3/transport/ipc"
)

func main() {
	var came atomic.Uint64
	if err := listen(os.Args[1], &came); err != nil {
		fmt.Fprintln(os.Stderr, "pull:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(came.Load())
	}
}

// listen counts the messages that come, in the background.
func listen(url string, came *atomic.Uint64) error {
	socket, err := pull.NewSocket()
	if err != nil {
		return err
	}
	if err := socket.SetOption(mangos.OptionMaxRecvSize, 0); err != nil {
		return err
	}
	if err := socket.Listen(url); err != nil {
		return err
	}
	go func() {
		for {
			if _, err := socket.Recv(); err != nil {
				return
			}
			came.Add(1)
		}
	}()
	return nil
}
