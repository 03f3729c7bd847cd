package isolated

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// runVariable is set for a process that is the program.
const runVariable = "PINSYNC_ISOLATED_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(runVariable) == "" {
		os.Exit(m.Run())
	}
	os.Exit(Main(Program{Prepare: prepare, Run: run}))
}

func prepare(_ context.Context, place Place) error {
	fmt.Println("guard", os.Getpid(), place.Folder)
	return os.WriteFile(filepath.Join(place.Folder, "prepared"), nil, 0o600)
}

// run makes what a node makes: processes that ignore signals, in namespaces and cgroups of
// their own, a mount, and files.
func run(place Place) int {
	if _, err := os.Stat(filepath.Join(place.Folder, "prepared")); err != nil {
		return failed(err)
	}
	script := `set -e; mkdir /run/mounted; mount -t tmpfs node /run/mounted; touch /var/left /run/left "$TMPDIR/left"
		for procs in /sys/fs/cgroup"$1"/cgroup.procs /sys/fs/cgroup/*"$1"/cgroup.procs; do
			[ -e "$procs" ] || continue
			mkdir -p "${procs%/*}/pod/container"
			case $procs in */cpuset/*) continue;; esac
			echo $$ >"${procs%/*}/pod/container/cgroup.procs"
		done
		unshare --net --mount --pid --fork sh -c 'trap "" TERM INT HUP; sleep 1000 & echo inside; wait' &
		sleep 1000`
	command := exec.CommandContext(context.Background(), "setsid", "sh", "-c", script, "sh", place.Cgroup())
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return failed(err)
	}
	text, err := os.ReadFile(os.Getenv(runVariable)) // a pipe: it has a line when the program may end
	if err != nil {
		return failed(err)
	}
	code, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// However the program ends, nothing is left of it.
func TestNothingIsLeft(t *testing.T) {
	if os.Getuid() != 0 || syscall.Access(cgroups, 2) != nil {
		t.Skip("only root can make namespaces and cgroups")
	}
	for name, test := range map[string]struct {
		end  func(first *os.Process, guard int, pipe string) error
		code int
	}{
		"the program ends": {func(_ *os.Process, _ int, pipe string) error { return os.WriteFile(pipe, []byte("7\n"), 0) }, 7},
		"interrupted":      {func(first *os.Process, _ int, _ string) error { return first.Signal(syscall.SIGINT) }, 1},
		"killed":           {func(first *os.Process, _ int, _ string) error { return first.Kill() }, -1},
		"its guard killed": {func(_ *os.Process, guard int, _ string) error { return syscall.Kill(guard, syscall.SIGKILL) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			localtest.Must(t, syscall.Mkfifo(pipe, 0o600))
			command := exec.CommandContext(t.Context(), os.Args[0])
			command.Env = append(os.Environ(), runVariable+"="+pipe)
			command.Stderr = os.Stderr
			out, err := command.StdoutPipe()
			localtest.Must(t, err)
			localtest.Must(t, command.Start())
			lines := bufio.NewScanner(out)
			var guard int
			var folder string
			for lines.Scan() && lines.Text() != "inside" {
				if _, err := fmt.Sscan(lines.Text(), new(string), &guard, &folder); err != nil {
					t.Fatal(lines.Text(), err)
				}
			}
			before := localtest.FindTraces(t, folder)
			if len(before.Processes) < 7 || len(before.Cgroups(t)) == 0 {
				t.Fatalf("the program is not complete: %+v", before)
			}
			localtest.Must(t, test.end(command.Process, guard, pipe))
			_ = command.Wait()
			if code := command.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			localtest.Until(t, func() (bool, string) {
				left := before.Left(t)
				return len(left) == 0, strings.Join(left, "\n")
			})
		})
	}
}
