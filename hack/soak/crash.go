package main

import "context"

// crashError is the error of a process that could not be started again.
type crashError struct{ error }

// Unwrap returns what the process or the wait for it has failed with.
func (e *crashError) Unwrap() error { return e.error }

// crash kills processes and waits until they are ready again.
func (u *user) crash(ctx context.Context, what string, kill func(context.Context) error) error {
	u.journal.note("processes", "%s is killed", what)
	if err := kill(ctx); err != nil {
		return &crashError{err}
	}
	u.journal.note("processes", "%s is ready again", what)
	return nil
}

// startEnded starts Flux's controllers again that have ended by themselves.
func (u *user) startEnded(ctx context.Context) error {
	names, err := u.cluster.Flux.StartEnded(ctx)
	for _, name := range names {
		u.journal.note("processes", "%s had ended by itself and was started again", name)
		u.count(func(f *figures) { f.fluxRestarts++ })
	}
	if err != nil {
		return &crashError{err}
	}
	return nil
}

func (u *user) crashFlux(ctx context.Context) error {
	return u.crash(ctx, "Flux", u.cluster.Flux.Crash)
}

func (u *user) crashAPIServer(ctx context.Context) error {
	return u.crash(ctx, "the API server", u.cluster.Plane.CrashAPIServer)
}

// crashRegistry kills Gitea while nothing is pushed.
func (u *user) crashRegistry(ctx context.Context) error {
	u.pushing.Lock()
	defer u.pushing.Unlock()
	return u.crash(ctx, "the registry", u.gitea.Crash)
}

func (u *user) emptyReflector(ctx context.Context) error {
	return u.crash(ctx, "image-reflector-controller without its data", u.cluster.Flux.EmptyImageReflector)
}
