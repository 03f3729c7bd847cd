package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveName is the argument with which the test is its own child.
const serveName = "serve"

var testLimits = Limits{Memory: 64 << 20, Time: 4 * time.Second, Request: 1 << 20, Answer: 1 << 20}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serveName {
		if err := Serve(testLimits, os.Stdin, os.Stdout, misbehave); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var kept [][]byte

// misbehave does what a request says.
func misbehave(request []byte) []byte {
	switch string(request) {
	case "loop":
		for {
			kept = nil
		}
	case "memory":
		for {
			kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
		}
	case "keep": // a part of the memory that a child has with its program
		kept = append(kept, bytes.Repeat([]byte{1}, 48<<20))
	case "at once":
		kept = append(kept, bytes.Repeat([]byte{1}, 1<<30))
	case "stack":
		return fmt.Append(nil, deep(0))
	case "exit":
		os.Exit(0)
	case "log or exit":
		logOrExit()
	case "panic":
		panic("as told")
	case "large":
		return make([]byte, testLimits.Answer+1)
	case "environment":
		return []byte(strings.Join(os.Environ(), " "))
	case "process":
		return fmt.Append(nil, os.Getpid())
	case "score":
		score, _ := os.ReadFile("/proc/self/oom_score_adj")
		return bytes.TrimSpace(score)
	}
	return request
}

// hasLogged is set once the child was told to log something.
var hasLogged bool

// logOrExit logs the first time, and ends the process afterwards.
func logOrExit() {
	if hasLogged {
		os.Exit(0)
	}
	hasLogged = true
	long := strings.Repeat("x", 1<<17) // more than a pipe has room for: the parent has read the beginning
	log.Println(errTooLarge, long)
	slog.Error(errTooLarge.Error() + long)
}

func deep(n int) int {
	if n < 0 {
		return n
	}
	return deep(n+1) + 1
}

func pool(t *testing.T, size int) *Pool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(size, testLimits, program, serveName)
	t.Cleanup(p.Close)
	return p
}

// Whatever a request does to its child, it is an error of that request, and the next one works.
func TestPoolSurvives(t *testing.T) {
	p := pool(t, 1)
	for request, want := range map[string]error{
		"loop": ErrTime, "memory": ErrMemory, "at once": ErrMemory, "stack": ErrMemory, "exit": ErrEnded, "panic": ErrEnded, "large": ErrAnswer,
	} {
		_, err := p.Do(t.Context(), []byte(request))
		isSlow := errors.Is(want, ErrMemory) && errors.Is(err, ErrTime) // what takes memory takes time, too
		if !errors.Is(err, want) && !isSlow || strings.Contains(fmt.Sprint(err), "\n") {
			t.Errorf("%s: %v, want %v", request, err, want)
		}
		t.Log(request, err)
		if answer, err := p.Do(t.Context(), []byte("next")); string(answer) != "next" || err != nil {
			t.Errorf("after %s: %q, %v", request, answer, err)
		}
	}
	if _, err := p.Do(t.Context(), make([]byte, testLimits.Request+1)); !errors.Is(err, errTooLarge) {
		t.Errorf("a large request: %v", err)
	}
}

// What a request makes its child log says nothing of the next one.
func TestLoggedByRequestsBefore(t *testing.T) {
	p := pool(t, 1)
	for range 2 {
		if _, err := p.Do(t.Context(), []byte("log or exit")); err != nil {
			t.Error(err)
		}
	}
}

// A child serves many requests, though not for ever, and gets nothing of the environment.
func TestPoolReplacesChildren(t *testing.T) {
	t.Setenv("PASSWORD", "secret")
	p := pool(t, 1)
	children := map[string]bool{}
	for range maxRequests + 1 {
		answer, err := p.Do(t.Context(), []byte("process"))
		if err != nil {
			t.Fatal(err)
		}
		children[string(answer)] = true
	}
	if len(children) != 2 {
		t.Errorf("%d children", len(children))
	}
	if answer, err := p.Do(t.Context(), []byte("environment")); strings.Contains(string(answer), "PASSWORD") || err != nil {
		t.Errorf("the child knows %s, %v", answer, err)
	}
	if answer, err := p.Do(t.Context(), []byte("score")); string(answer) != oomScore || err != nil {
		t.Errorf("the score is %s, %v", answer, err)
	}
}

// A child that was killed while it waited for a request is replaced.
func TestPoolReplacesKilledChild(t *testing.T) {
	p := pool(t, 1)
	if _, err := p.Do(t.Context(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := p.idle[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if answer, err := p.Do(t.Context(), []byte("b")); string(answer) != "b" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestPoolIsCancelled(t *testing.T) {
	p := pool(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := p.Do(ctx, []byte("loop")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := p.Do(ctx, []byte("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Requests of several goroutines are answered each with its own.
func TestPoolIsShared(t *testing.T) {
	p := pool(t, 2)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			want := fmt.Sprint("request ", i)
			if answer, err := p.Do(t.Context(), []byte(want)); string(answer) != want || err != nil {
				t.Errorf("%q, %v, want %q", answer, err, want)
			}
		})
	}
	group.Wait()
	if len(p.idle) > 2 {
		t.Errorf("%d children", len(p.idle))
	}
}

func TestPoolWithoutProgram(t *testing.T) {
	if _, err := NewPool(1, testLimits, "/nowhere/program").Do(t.Context(), nil); err == nil {
		t.Error("a program that does not exist was started")
	}
}

// What a child has kept of requests before is not the fault of the next one.
func TestMemoryOfRequestsBefore(t *testing.T) {
	p := pool(t, 1)
	for i := range 6 {
		if _, err := p.Do(t.Context(), []byte("keep")); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}
