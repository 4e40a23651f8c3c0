// A worker for the cluster tests: a job's payload is for how long it works, such as 250ms.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func take(answer http.ResponseWriter, request *http.Request) {
	payload, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	takes, err := time.ParseDuration(string(payload))
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(takes):
	case <-request.Context().Done(): // the sidecar hung up
	}
}

func main() {
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: http.HandlerFunc(take)}
	ending, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		<-ending.Done()
		log.Print("told to end")
		server.Close() // at once: whatever is under way now is cut off, and the test sees it
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
