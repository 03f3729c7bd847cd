package local

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// giteaUser is the administrator's name.
const giteaUser = "oleks"

// startTimeout is how long a program may take to start.
const startTimeout = 2 * time.Minute

// Gitea is a running Gitea. Its container registry is empty at first, and every pull needs
// a password.
type Gitea struct {
	// Host is where it listens, in plain HTTP, as image references have it.
	Host string
	// User is its administrator, with Token as the password.
	User, Token string

	// folder has its configuration, its data and its log.
	folder string
	// programs is the folder that hack/gitea/build.sh writes.
	programs string
	// credential is the user that it runs as; nil means the user of this process.
	credential *syscall.Credential
	web        *Process
}

// StartGitea starts a Gitea that sends no request to any other host. Where the binary is
// missing, the error describes how to get it.
func StartGitea(ctx context.Context) (*Gitea, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	programs := filepath.Join(root, "bin", "gitea")
	if _, err := os.Stat(filepath.Join(programs, "gitea")); err != nil {
		return nil, fmt.Errorf("no gitea in %s: run make gitea", programs)
	}
	folder, err := os.MkdirTemp("", "gitea-")
	if err != nil {
		return nil, fmt.Errorf("starting Gitea: %w", err)
	}
	g := &Gitea{User: giteaUser, folder: folder, programs: programs}
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Gitea: %w; its log ends with:\n%s", err, endOf(g.logFile())), g.Stop())
	}
	return g, nil
}

func (g *Gitea) start(ctx context.Context) error {
	if err := g.leaveRoot(); err != nil {
		return err
	}
	if err := g.configure(ctx); err != nil {
		return err
	}
	if err := g.serve(ctx); err != nil {
		return err
	}
	if err := g.waitUntilReady(ctx); err != nil {
		return err
	}
	return g.createUser(ctx)
}

// leaveRoot makes Gitea, which refuses to run as root, run as the user nobody if this
// process is root. It runs a copy: nobody may not have access to the sources.
func (g *Gitea) leaveRoot() error {
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("the user nobody: %w", err)
	}
	g.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	copied := filepath.Join(g.folder, "programs")
	if err := os.CopyFS(copied, os.DirFS(g.programs)); err != nil {
		return err
	}
	g.programs = copied
	return nil
}

// basicLogin returns the value of a header with the administrator's login.
func (g *Gitea) basicLogin() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(g.User+":"+g.Token))
}

// configure writes the configuration, and changes the folder's owner to the user that
// Gitea runs as.
func (g *Gitea) configure(ctx context.Context) error {
	var err error
	if g.Host, err = FreeAddress(ctx); err != nil {
		return err
	}
	_, port, _ := strings.Cut(g.Host, ":")
	if err := os.WriteFile(g.configFile(), fmt.Appendf(nil, giteaConfig, port, g.programs), 0o600); err != nil {
		return err
	}
	if g.credential == nil {
		return nil
	}
	return g.changeOwner()
}

// changeOwner makes the user that Gitea runs as the owner of the folder and all in it.
func (g *Gitea) changeOwner() error {
	folder, err := os.OpenRoot(g.folder)
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // nothing was written
	return fs.WalkDir(folder.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return folder.Lchown(path, int(g.credential.Uid), int(g.credential.Gid))
	})
}

// giteaConfig is the configuration; %[1]s is the port, %[2]s the programs' folder.
const giteaConfig = `
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[1]s
ROOT_URL = http://127.0.0.1:%[1]s/
STATIC_ROOT_PATH = %[2]s
OFFLINE_MODE = true
DISABLE_SSH = true

[database]
DB_TYPE = sqlite3

[security]
INSTALL_LOCK = true

[service]
REQUIRE_SIGNIN_VIEW = true

[picture]
DISABLE_GRAVATAR = true

[actions]
ENABLED = false

[cron.update_checker]
ENABLED = false
`

func (g *Gitea) configFile() string { return filepath.Join(g.folder, "app.ini") }
func (g *Gitea) logFile() string    { return filepath.Join(g.folder, "log") }

// command is one of Gitea's commands.
func (g *Gitea) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--config", g.configFile(), "--work-path", g.folder)
	command := exec.CommandContext(ctx, filepath.Join(g.programs, "gitea"), args...) //nolint:gosec // the program that was built
	command.Dir = g.folder
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.folder}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: g.credential}
	return command
}

// serve starts the web server. It runs until Stop.
func (g *Gitea) serve(ctx context.Context) (err error) {
	g.web, err = StartLogged(g.command(context.WithoutCancel(ctx), "web"), g.logFile())
	return err
}

func (g *Gitea) waitUntilReady(ctx context.Context) error {
	ctx, cancel := g.web.WithEnd(ctx)
	defer cancel()
	return Until(ctx, startTimeout, func(ctx context.Context) (bool, string) {
		err := askHealth(ctx, "http://"+g.Host+"/api/healthz")
		return err == nil, fmt.Sprint(err)
	})
}

// createUser creates the administrator and a token, which Gitea prints.
func (g *Gitea) createUser(ctx context.Context) error {
	create := g.command(ctx, "admin", "user", "create", "--admin", "--username", g.User,
		"--email", g.User+"@example.com", "--random-password", "--access-token")
	output, err := create.CombinedOutput()
	if err != nil {
		return fmt.Errorf("creating the user %s: %w: %s", g.User, err, output)
	}
	_, token, ok := strings.Cut(string(output), "Access token was successfully created... ")
	if !ok {
		return fmt.Errorf("creating the user %s: no token in its output %q", g.User, output)
	}
	g.Token = strings.TrimSpace(token)
	return nil
}

// Stop ends Gitea and removes its data.
func (g *Gitea) Stop() error {
	if g.web != nil {
		g.web.Kill()
	}
	if err := os.RemoveAll(g.folder); err != nil {
		return fmt.Errorf("removing Gitea's data: %w", err)
	}
	return nil
}
