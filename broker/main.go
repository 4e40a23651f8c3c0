// Command drover-broker is the Kafka broker that `drover run` starts on a laptop: franz-go's kfake on one loopback port,
// its data in a folder. It says on stdout, in one line of JSON, when it is ready; everything else it says on stderr.
//
// What it acknowledges has been written to the folder and survives kill -9, as the page cache outlives the process; a
// power failure may lose the last seconds, as with a Kafka of replication factor 1. A write that fails ends the program
// before the acknowledgement is sent, and well before the disk is full it refuses records: see folder.go.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "drover-broker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "leave" {
		return leave(args[1:])
	}
	flags := flag.NewFlagSet("drover-broker", flag.ExitOnError)
	port := flags.Int("port", 9092, "port on 127.0.0.1; 0 takes a free one")
	data := flags.String("data", "", "folder that keeps the data; without it all is in memory and gone at the end")
	partitions := flags.Int("partitions", 12, "partitions of a topic that is created without a count")
	minFree := flags.Uint64("min-free-mib", 64, "records are refused while the folder's disk has less free, in MiB")
	flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	signal.Ignore(syscall.SIGXFSZ) // a write past a file size limit (ulimit -f) is then an error like any other

	settings := settings{port: *port, partitions: *partitions, fail: failStop}
	if *data != "" {
		folder, err := openFolder(*data, *minFree<<20)
		if err != nil {
			return err
		}
		defer folder.close()
		settings.folder = folder
	}
	broker, err := start(settings)
	if err != nil {
		return err
	}
	ready, err := json.Marshal(map[string]string{"listening": broker.ListenAddrs()[0]})
	if err != nil {
		return err
	}
	if _, err := fmt.Println(string(ready)); err != nil {
		return fmt.Errorf("cannot say that it is ready: %w", err)
	}
	<-stop
	broker.Close()
	return nil
}

// failStop ends the program at once, in the middle of the request whose data could not be written: its client gets no
// answer, so nothing is acknowledged that is not on disk. Starting again on the folder is safe.
func failStop(cause string) {
	fmt.Fprintln(os.Stderr, "drover-broker: stopping, as the data folder cannot be written:", cause)
	os.Exit(1)
}
