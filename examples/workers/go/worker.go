// A Drover worker in Go's standard library. A job is the absolute path of a file; its result is the file's SHA-256.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// refused says that no retry would help: the job becomes a dead letter of this class.
type refused struct{ kind, reason string }

func (r refused) Error() string { return r.reason }

type result struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

func work(path string) (result, error) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") {
		return result{}, refused{"InvalidPath", "the payload has to be the absolute path of a file"}
	}
	if about, err := os.Stat(path); err != nil {
		return result{}, err
	} else if !about.Mode().IsRegular() {
		return result{}, refused{"NotAFile", path + " is no regular file"}
	}
	file, err := os.Open(path)
	if err != nil {
		return result{}, err
	}
	defer file.Close()
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return result{}, err
	}
	found := result{hex.EncodeToString(digest.Sum(nil)), size}
	fmt.Printf("%s  %s\n", found.SHA256, path)
	return found, nil
}

func take(answer http.ResponseWriter, request *http.Request) {
	payload, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sidecar hung up: nobody is left to answer
	}
	found, err := work(string(payload))
	var no refused
	switch {
	case err == nil:
		json.NewEncoder(answer).Encode(found)
	case errors.As(err, &no):
		fail(answer, http.StatusUnprocessableEntity, no.kind, err)
	case errors.Is(err, fs.ErrNotExist): // yet
		fail(answer, http.StatusServiceUnavailable, "FileNotFound", err)
	default:
		fail(answer, http.StatusServiceUnavailable, "FileNotReadable", err)
	}
}

func fail(answer http.ResponseWriter, status int, kind string, err error) {
	answer.Header().Set("Drover-Error", kind)
	http.Error(answer, err.Error(), status)
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
