package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is the data folder, held by this process alone until close. isFull is for one goroutine at a time.
type folder struct {
	path    string
	minFree uint64 // bytes
	free    func(path string) (uint64, error)
	lock    *os.File
	full    bool // what was said last
}

// openFolder creates the folder where it is missing, and fails where it cannot be written or another broker has it.
func openFolder(path string, minFree uint64) (*folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the data folder: %w", err)
	}
	// The kernel drops the lock with the process, so a kill -9 leaves nothing behind that has to be removed by hand.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", lock.Name(), err)
		}
		holder, _ := os.ReadFile(lock.Name()) // only makes the message better
		return nil, fmt.Errorf("the data folder %s is in use by another broker (pid %s)", path, strings.TrimSpace(string(holder)))
	}
	// Best effort, and the next line that matters fails loudly on a disk that takes nothing: the lock is what counts.
	if lock.Truncate(0) == nil {
		fmt.Fprintln(lock, os.Getpid())
	}
	return &folder{path: path, minFree: minFree, free: freeBytes, lock: lock}, nil
}

func (f *folder) close() { f.lock.Close() }

// isFull tells whether the disk has less than minFree left, and says on stderr when that changes. A figure that cannot
// be read counts as full.
func (f *folder) isFull() bool {
	free, err := f.free(f.path)
	full := err != nil || free < f.minFree
	if full == f.full {
		return full
	}
	f.full = full
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "drover-broker: records are refused, as the free space of %s cannot be read: %v\n", f.path, err)
	case full:
		fmt.Fprintf(os.Stderr, "drover-broker: disk full: %s has %d MiB free, less than %d; records are refused until there is room\n",
			f.path, free>>20, f.minFree>>20)
	default:
		fmt.Fprintf(os.Stderr, "drover-broker: %s has %d MiB free: records are accepted again\n", f.path, free>>20)
	}
	return full
}

func freeBytes(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
