// Command workload is the program in the images of the end-to-end tests on a node. It waits for
// SIGTERM, as a sandbox and an application do. With --pins it is a cleaner that deletes nothing:
// it prints the pins.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	pins := flag.String("pins", "", "`FILE` of pins to print")
	flag.Duration("minimum-age", 0, "age of the tags that may be deleted")
	flag.Parse()
	if *pins == "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		<-ctx.Done()
		stop()
		return
	}
	text, err := os.ReadFile(*pins)
	if err != nil {
		fmt.Fprintln(os.Stderr, "workload:", err)
		os.Exit(1)
	}
	fmt.Print(string(text))
}
