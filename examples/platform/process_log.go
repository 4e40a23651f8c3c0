// Queue `log-processing`, in Go: process-log counts what a log file says, packed or not.
//
// Payload: path. The counts are $OUT_DIR/logs/<file's name>-<hash of the path>.json: lines, by day, by level (ERROR,
// warning, …), and by event, the word after the time, as dpkg.log has it.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// refused says that no retry would help: the job becomes a dead letter of this class.
type refused struct{ kind, reason string }

func (r refused) Error() string { return r.reason }

// --- the work ---

const longestLine = 1 << 20 // bytes; a longer one is no log's

var (
	day   = regexp.MustCompile(`\b(?:19|20)\d\d-[01]\d-[0-3]\d\b`)
	level = regexp.MustCompile(`(?i)\b(?:emerg|fatal|critical|error|warn(?:ing)?|notice|info|debug|trace)\b`)
	event = regexp.MustCompile(`^\S+ \d\d:\d\d:\d\d (\w[\w-]*)`)
)

type counts struct {
	Path   string         `json:"path"`
	Lines  int            `json:"lines"`
	Bytes  int64          `json:"bytes"`
	Days   map[string]int `json:"days"`
	Levels map[string]int `json:"levels"`
	Events map[string]int `json:"events"`
}

func (c *counts) add(line []byte) {
	c.Lines++
	c.Bytes += int64(len(line)) + 1
	if found := day.Find(line); found != nil {
		c.Days[string(found)]++
	}
	// What follows the time is the level or an event; only where nothing does, the level may be anywhere.
	if found := event.FindSubmatch(line); found != nil && !level.Match(found[1]) {
		c.Events[string(found[1])]++
	} else if found := level.Find(line); found != nil {
		c.Levels[strings.ToLower(string(found))]++
	}
}

func processLog(j *job) (any, error) {
	var payload struct{ Path string }
	if err := json.Unmarshal(j.body, &payload); err != nil {
		return nil, refused{"MalformedPayload", err.Error()}
	}
	if !filepath.IsAbs(payload.Path) {
		return nil, refused{"InvalidPayload", "path has to be the absolute path of a log file"}
	}
	about, err := os.Stat(payload.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refused{"FileNotFound", err.Error()}
	} else if err != nil {
		return nil, err
	} else if !about.Mode().IsRegular() {
		return nil, refused{"NotAFile", payload.Path + " is no regular file"}
	}
	file, err := os.Open(payload.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	j.progress(10, "opened", nil)
	read := &meter{from: file}
	var text io.Reader = bufio.NewReaderSize(read, 1<<16)
	if begin, _ := text.(*bufio.Reader).Peek(2); bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		if text, err = gzip.NewReader(text); err != nil {
			return nil, refused{"NotALog", err.Error()}
		}
	}
	found := &counts{Path: payload.Path, Days: map[string]int{}, Levels: map[string]int{}, Events: map[string]int{}}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, longestLine)
	for told := int64(10); lines.Scan(); {
		if bytes.IndexByte(lines.Bytes(), 0) >= 0 {
			return nil, refused{"NotALog", fmt.Sprintf("line %d is binary", found.Lines+1)}
		}
		found.add(lines.Bytes())
		if percent := 10 + 80*read.bytes/max(about.Size(), 1); percent >= told+10 && percent <= 90 {
			told = percent
			j.progress(int(percent), "counting", nil)
		}
	}
	var disk *fs.PathError
	if err := lines.Err(); errors.As(err, &disk) {
		return nil, err
	} else if err != nil { // a line without an end, or damaged gzip data
		return nil, refused{"NotALog", err.Error()}
	}
	if err := write(found); err != nil {
		return nil, err
	}
	j.progress(100, "counted", found)
	return found, nil
}

func write(found *counts) error {
	folder := filepath.Join(outFolder(), "logs")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	content, err := json.MarshalIndent(found, "", " ")
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(folder, ".part-*")
	if err != nil {
		return err
	}
	defer part.Close()
	if _, err := part.Write(content); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(found.Path))
	name := fmt.Sprintf("%s-%x.json", filepath.Base(found.Path), hash[:4])
	return os.Rename(part.Name(), filepath.Join(folder, name)) // whoever reads it sees a whole one
}

func outFolder() string {
	if folder := os.Getenv("OUT_DIR"); folder != "" {
		return folder
	}
	return "out"
}

// meter counts what is read, for the progress.
type meter struct {
	from  io.Reader
	bytes int64
}

func (m *meter) Read(into []byte) (int, error) {
	n, err := m.from.Read(into)
	m.bytes += int64(n)
	return n, err
}

// --- jobs in, answers and progress out ---

type job struct {
	id, lease string
	body      []byte
}

var (
	sidecar = &http.Client{Timeout: 10 * time.Second}
	sayOnce sync.Map
)

// progress is best effort: what cannot be told costs the job nothing.
func (j *job) progress(percent int, step string, result any) {
	told := map[string]any{"percent": percent, "step": step}
	if result != nil {
		told["result"] = result
	}
	body, err := json.Marshal(told)
	if err == nil {
		err = j.post("/v1/jobs/"+url.PathEscape(j.id)+"/progress", body)
	}
	if err != nil {
		if _, said := sayOnce.LoadOrStore(err.Error(), true); !said {
			log.Printf("the sidecar takes no progress: %v", err)
		}
	}
}

func (j *job) post(path string, body []byte) error {
	request, err := http.NewRequest("POST", os.Getenv("DROVER_SIDECAR")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("drover-lease", j.lease)
	answer, err := sidecar.Do(request)
	if err != nil {
		return errors.Unwrap(err) // without the URL, which is another one each time
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body) // so that the connection is kept
	if answer.StatusCode >= 300 {
		return errors.New(answer.Status)
	}
	return nil
}

func take(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sidecar hung up: nobody is left to answer
	}
	var result any
	if kind := request.Header.Get("drover-type"); kind != "" && kind != "process-log" {
		err = refused{"UnknownType", "no job of type " + kind + " is known here"}
	} else {
		result, err = processLog(&job{request.Header.Get("drover-job-id"), request.Header.Get("drover-lease"), body})
	}
	var no refused
	switch {
	case err == nil:
		answer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(answer).Encode(result)
	case errors.As(err, &no):
		answer.Header().Set("Drover-Error", no.kind)
		http.Error(answer, err.Error(), http.StatusUnprocessableEntity)
	default: // such as a file that may not be read, or a full disk
		answer.Header().Set("Drover-Error", "FileNotReadable")
		http.Error(answer, err.Error(), http.StatusServiceUnavailable)
	}
}

func main() {
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(take)}
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	fmt.Printf("{\"message\":\"listening\",\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)

	<-ended.Done()
	// Takes no further connection, and waits until every job is answered.
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
}
