package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type settings struct {
	port       int
	partitions int
	folder     *folder            // nil: in memory
	fail       func(cause string) // called on kfake's own goroutine when a write has failed; does not return
}

// Where kfake departs from what Drover's users expect of a Kafka. Topics are never created by asking for them, which is
// kfake's default: the sidecar has to say which ones are missing.
var brokerConfigs = map[string]string{
	// The new group protocol (KIP-848) takes its times from the broker. Kafka's defaults, 5 s and 45 s, are for large
	// clusters; on one machine a dead sidecar's partitions should move within seconds.
	"group.consumer.heartbeat.interval.ms": "1000",
	"group.consumer.session.timeout.ms":    "6000",
	// A group that was idle for weeks resumes where it stood; after the default of 7 days it would start anew.
	"offsets.retention.minutes": "2147483647",
	// A start reads one segment of every partition at a time into memory.
	"log.segment.bytes": "16777216",
	// log.cleaner.backoff.ms stays at kfake's one hour: it compacts a partition by deleting it and writing it again, so
	// a kill -9 in between loses what the partition held. Once an hour that is a risk of milliseconds.
}

// start reads the folder and begins to serve. The broker runs until Close, which saves what makes the next start quick.
func start(s settings) (*kfake.Cluster, error) {
	log := &kfakeLog{fail: s.fail}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(s.port),
		kfake.DefaultNumPartitions(s.partitions),
		// Kafka's own limit. While a member waits for others to join, kfake lets its session run out (Kafka does not),
		// so the session has to be longer than the longest job that holds up a rebalance.
		kfake.GroupMaxSessionTimeout(time.Hour),
		kfake.BrokerConfigs(brokerConfigs),
		kfake.WithLogger(log),
	}
	if s.folder != nil {
		options = append(options, kfake.DataDir(s.folder.path))
	}

	cluster, err := open(s, options)
	if err == nil && log.tornTail {
		// kfake ignores what a crash left half written at the end of a log, but goes on appending behind it, and the
		// next start would stop reading there. Close writes these logs anew.
		cluster.Close()
		cluster, err = open(s, options)
	}
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // of reading the folder, which took as much as it holds when the last end was a kill
	if s.folder != nil {
		s.folder.isFull() // says so at once, not with the first record
		cluster.Fault(refuseWhenFull(s.folder))
	}
	return cluster, nil
}

func open(s settings, options []kfake.Opt) (*kfake.Cluster, error) {
	cluster, err := kfake.NewCluster(options...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken by another program; choose another one with --port", s.port)
	}
	if err != nil && s.folder != nil {
		return nil, fmt.Errorf("cannot serve the data in %s: %w", s.folder.path, err)
	}
	return cluster, err
}

// refuseWhenFull answers what would grow the folder with KAFKA_STORAGE_ERROR, on which clients try again. Offsets of
// consumers are still committed: they are small, and what is kept free is for them, so running jobs can end.
func refuseWhenFull(f *folder) kfake.Fault {
	return kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce, kmsg.CreateTopics, kmsg.CreatePartitions},
		Err: &kerr.Error{
			Message:   "The disk of the broker's data folder is full; see what the broker says on stderr.",
			Code:      kerr.KafkaStorageError.Code,
			Retriable: true,
		},
		Count: -1,
		When:  func(kmsg.Request) bool { return f.isFull() },
	}
}

// kfakeLog hears what kfake does not return: it logs a failed write and goes on, acknowledging commits that are nowhere.
// Called on kfake's goroutine, before the request is answered.
type kfakeLog struct {
	fail     func(cause string)
	tornTail bool // set while loading only
}

func (l *kfakeLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level != kfake.LogLevelError && level != kfake.LogLevelWarn {
		return
	}
	message := fmt.Sprintf(format, args...)
	switch {
	case strings.HasPrefix(message, "persist "), // a batch, an offset, a producer, the list of topics, all of it at the end
		strings.HasPrefix(message, "rebuildSegments "),
		strings.HasPrefix(message, "save session state"),
		strings.Contains(message, "failed to persist"):
		l.fail(message)
	case strings.HasPrefix(message, "groups.log: discarding"), strings.HasPrefix(message, "pids.log: discarding"):
		l.tornTail = true
	}
	fmt.Fprintln(os.Stderr, "drover-broker:", message)
}
