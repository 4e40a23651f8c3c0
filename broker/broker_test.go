package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const runAsBroker = "DROVER_BROKER_TEST_RUN_AS_BROKER"

// The test's own program is the broker too, so that the tests see what `drover run` sees: a process.
func TestMain(m *testing.M) {
	if os.Getenv(runAsBroker) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type process struct {
	cmd     *exec.Cmd
	address string // empty when it ended instead of serving
	stderr  strings.Builder
}

// launch starts a broker by a shell command in which "$@" is the broker, and waits until it serves or has ended.
func launch(t *testing.T, shell string, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command("bash", append([]string{"-c", shell, "bash", program}, args...)...)}
	p.cmd.Env = append(os.Environ(), runAsBroker+"=1")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.end(syscall.SIGKILL)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil { // no line: it has ended
		p.cmd.Wait()
		return p
	}
	var ready struct{ Listening string }
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("the ready line %q is not JSON: %v", line, err)
	}
	p.address = ready.Listening
	return p
}

func serve(t *testing.T, data string) *process {
	t.Helper()
	p := launch(t, `exec "$@"`, "--port", "0", "--data", data)
	if p.address == "" {
		t.Fatalf("the broker did not start: %s", p.stderr.String())
	}
	return p
}

func (p *process) end(signal syscall.Signal) int {
	p.cmd.Process.Signal(signal)
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// mustHaveFailed waits for the broker to end by itself, with code 1 and this on stderr.
func (p *process) mustHaveFailed(t *testing.T, why string) {
	t.Helper()
	ended := make(chan struct{})
	go func() { p.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		p.cmd.Process.Kill()
		<-ended
		t.Fatalf("the broker went on, and said %q", p.stderr.String())
	}
	if p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.stderr.String(), why) {
		t.Fatalf("want exit code 1 and a message with %q, got %v and %q", why, p.cmd.ProcessState, p.stderr.String())
	}
}

func (p *process) mustHaveRefused(t *testing.T, why string) {
	t.Helper()
	if p.address != "" || p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.stderr.String(), why) {
		t.Fatalf("want exit code 1 and a message with %q, got %v and %q", why, p.cmd.ProcessState, p.stderr.String())
	}
}

func client(t *testing.T, address string) (*kgo.Client, *kadm.Client) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, kadm.NewClient(c)
}

func createTopic(t *testing.T, admin *kadm.Client, topic string) {
	t.Helper()
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func produce(ctx context.Context, c *kgo.Client, topic string, size int) error {
	return c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: make([]byte, size)}).FirstErr()
}

func commit(t *testing.T, admin *kadm.Client, group string, at int64) {
	t.Helper()
	offsets := kadm.OffsetsFromRecords()
	offsets.Add(kadm.Offset{Topic: "jobs", Partition: 0, At: at, LeaderEpoch: -1, Metadata: "map"})
	if err := admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

func mustHaveCommitted(t *testing.T, admin *kadm.Client, group string, at int64) {
	t.Helper()
	fetched, err := admin.FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := fetched.Lookup("jobs", 0); !ok || got.At != at || got.Metadata != "map" {
		t.Fatalf("want offset %d, got %+v", at, got)
	}
}

func endOffset(t *testing.T, admin *kadm.Client) int64 {
	t.Helper()
	ends, err := admin.ListEndOffsets(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("jobs", 0)
	return end.Offset
}

func TestPortThatIsTakenIsNamed(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	port := fmt.Sprint(other.Addr().(*net.TCPAddr).Port)
	launch(t, `exec "$@"`, "--port", port, "--data", t.TempDir()).mustHaveRefused(t, "port "+port+" is taken")
}

func TestFolderOfAnotherBrokerIsRefusedUntilThatOneEnds(t *testing.T) {
	data := t.TempDir()
	first := serve(t, data)
	launch(t, `exec "$@"`, "--port", "0", "--data", data).
		mustHaveRefused(t, fmt.Sprintf("in use by another broker (pid %d)", first.cmd.Process.Pid))
	first.end(syscall.SIGKILL)
	serve(t, data)
}

func TestFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	launch(t, `exec "$@"`, "--port", "0", "--data", file).mustHaveRefused(t, "cannot create the data folder")
}

func TestTopicsAreNotCreatedByAskingForThem(t *testing.T) {
	broker := serve(t, t.TempDir())
	_, admin := client(t, broker.address)
	asking, err := kgo.NewClient(kgo.SeedBrokers(broker.address), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	if err := produce(t.Context(), asking, "jobs", 1); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Fatalf("want UNKNOWN_TOPIC_OR_PARTITION, got %v", err)
	}
	if topics, err := admin.ListTopics(t.Context()); err != nil || topics.Has("jobs") {
		t.Fatalf("there is a topic that nobody created: %v %v", topics, err)
	}
}

func TestRecordsAndOffsetsSurviveAKill(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			data := t.TempDir()
			broker := serve(t, data)
			c, admin := client(t, broker.address)
			createTopic(t, admin, "jobs")
			for range 100 {
				if err := produce(t.Context(), c, "jobs", 10); err != nil {
					t.Fatal(err)
				}
			}
			commit(t, admin, "workers", 42)
			if code := broker.end(signal); signal != syscall.SIGKILL && code != 0 {
				t.Fatalf("an orderly end has code %d: %s", code, broker.stderr.String())
			}

			_, admin = client(t, serve(t, data).address)
			if got := endOffset(t, admin); got != 100 {
				t.Fatalf("100 records were acknowledged, %d are there", got)
			}
			mustHaveCommitted(t, admin, "workers", 42)
		})
	}
}

func TestOffsetsCommittedBehindATornWriteSurvive(t *testing.T) {
	data := t.TempDir()
	broker := serve(t, data)
	_, admin := client(t, broker.address)
	createTopic(t, admin, "jobs")
	commit(t, admin, "workers", 1)
	broker.end(syscall.SIGKILL)
	log, err := os.OpenFile(filepath.Join(data, "groups.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Write([]byte("half an entr")); err != nil {
		t.Fatal(err)
	}
	log.Close()

	broker = serve(t, data)
	_, admin = client(t, broker.address)
	mustHaveCommitted(t, admin, "workers", 1)
	commit(t, admin, "workers", 2)
	broker.end(syscall.SIGKILL)

	_, admin = client(t, serve(t, data).address)
	mustHaveCommitted(t, admin, "workers", 2)
}

func TestMemberThatDiedLeavesAndTheOthersStay(t *testing.T) {
	broker := serve(t, t.TempDir())
	_, admin := client(t, broker.address)
	createTopic(t, admin, "jobs")
	members := func() map[string]bool {
		described, err := admin.DescribeGroups(t.Context(), "workers")
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for _, m := range described["workers"].Members {
			ids[m.ClientID] = true
		}
		return ids
	}
	join := func(id string, heartbeat time.Duration) {
		joined := make(chan struct{})
		var once sync.Once
		member, err := kgo.NewClient(kgo.SeedBrokers(broker.address), kgo.ClientID(id), kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("jobs"),
			kgo.SessionTimeout(20*time.Minute), kgo.RebalanceTimeout(20*time.Minute), kgo.HeartbeatInterval(heartbeat),
			// Not until its join is answered: one that is put out of the group before that hears of it, and comes back.
			kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { once.Do(func() { close(joined) }) }))
		if err != nil {
			t.Fatal(err)
		}
		go member.PollFetches(t.Context()) // never closed: that would wait for what the broker does not answer the dead
		select {
		case <-joined:
		case <-time.After(time.Minute):
			t.Fatalf("%s has not joined", id)
		}
	}
	join("alive", 100*time.Millisecond)
	join("dead", 10*time.Minute) // silent, so it does not find out and join again
	if got := members(); !got["dead"] {
		t.Fatalf("want both members, got %v", got)
	}
	if err := leave([]string{"--broker", broker.address, "--client", "dead", "workers", "no-such-group"}); err != nil {
		t.Fatal(err)
	}
	if got := members(); got["dead"] || !got["alive"] {
		t.Fatalf("want the living member alone, got %v", got)
	}
}

func TestFullDiskRefusesRecordsUntilThereIsRoomAndStillTakesOffsets(t *testing.T) {
	data, err := openFolder(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer data.close()
	var free atomic.Uint64
	data.free = func(string) (uint64, error) { return free.Load(), nil }
	free.Store(1 << 30)
	broker, err := start(settings{partitions: 1, folder: data, fail: func(cause string) { panic(cause) }})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	c, admin := client(t, broker.ListenAddrs()[0])
	createTopic(t, admin, "jobs")

	free.Store(1<<20 - 1)
	if err := produce(t.Context(), c, "jobs", 1); !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatalf("want KAFKA_STORAGE_ERROR, got %v", err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "more"); !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatalf("want KAFKA_STORAGE_ERROR, got %v", err)
	}
	commit(t, admin, "workers", 1)

	free.Store(1 << 20)
	if err := produce(t.Context(), c, "jobs", 1); err != nil {
		t.Fatal(err)
	}
	if got := endOffset(t, admin); got != 1 {
		t.Fatalf("one record was acknowledged, %d are there", got)
	}
}

// A limit on the size of files fails a write as a full disk does, on every machine and without root.
func TestWriteThatFailsIsNotAcknowledgedAndEndsTheBroker(t *testing.T) {
	data := t.TempDir()
	broker := launch(t, `ulimit -f 64 && exec "$@"`, "--port", "0", "--data", data)
	c, admin := client(t, broker.address)
	createTopic(t, admin, "jobs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acknowledged := int64(0)
	var err error
	for err == nil {
		if err = produce(ctx, c, "jobs", 1000); err == nil {
			acknowledged++
		}
	}
	broker.mustHaveFailed(t, "persist batch")

	_, admin = client(t, serve(t, data).address)
	if got := endOffset(t, admin); acknowledged == 0 || got != acknowledged {
		t.Fatalf("%d records were acknowledged, %d are there", acknowledged, got)
	}
}

func TestOffsetThatCannotBeWrittenIsNotAcknowledgedAndEndsTheBroker(t *testing.T) {
	data := t.TempDir()
	broker := launch(t, `ulimit -f 64 && exec "$@"`, "--port", "0", "--data", data)
	_, admin := client(t, broker.address)
	createTopic(t, admin, "jobs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acknowledged := int64(0)
	for { // without an end where a write that failed is acknowledged, until the deadline
		offsets := kadm.OffsetsFromRecords()
		offsets.Add(kadm.Offset{Topic: "jobs", At: acknowledged + 1, LeaderEpoch: -1, Metadata: strings.Repeat("m", 4000)})
		if err := admin.CommitAllOffsets(ctx, "workers", offsets); err != nil {
			break
		}
		acknowledged++
	}
	broker.mustHaveFailed(t, "persist group entry")

	_, admin = client(t, serve(t, data).address)
	fetched, err := admin.FetchOffsets(t.Context(), "workers")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := fetched.Lookup("jobs", 0); acknowledged == 0 || got.At != acknowledged {
		t.Fatalf("offset %d was acknowledged, %d is there", acknowledged, got.At)
	}
}
