package controllers

import (
	"sync"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// shares limit by namespace how much of the controller's time is spent on reading values and finding images in
// them, which is measured in bytes. Beyond its share the releases of a namespace that have changed keep
// the pins that they had until it has some again.
//
// The list is not complete as long as releases wait for that, so that no cleaner relies on what they
// need, but no longer than budget.MaxWait an hour: from then on it is a problem of their owner
// alone.
type shares struct {
	clock func() time.Time

	mu sync.Mutex
	// began is when the pass began, and isCounted is set if it has written a list for which it was waited.
	began     time.Time
	isCounted bool
	// isSpent is set if something was refused in this pass: a part of it comes back each second.
	isSpent  bool
	accounts map[string]*account
}

// account is what a namespace has spent.
type account struct {
	// releases is how many it has.
	releases int
	// spent are the bytes at a time, of which some come back with time.
	spent int
	at    time.Time
	// hasOverdrawn is set if more than twice the share was spent in this pass.
	hasOverdrawn bool
	// isWaiting is set if something is still to be read after this pass, and waited is for how long that
	// was so in the hour that began then.
	isWaiting bool
	waited    time.Duration
	hour      time.Time
}

func newShares() *shares {
	return &shares{clock: time.Now, accounts: map[string]*account{}}
}

// begin begins a pass in which the namespaces have so many releases.
func (s *shares) begin(releases map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	waited := time.Duration(0)
	if s.isCounted { // no namespace is charged for passes that fail, or for a time without any
		waited = min(now.Sub(s.began), readRetry)
	}
	s.isCounted, s.isSpent = false, false
	for namespace, a := range s.accounts {
		s.refill(a)
		if a.isWaiting {
			a.waited += waited
		}
		a.isWaiting, a.hasOverdrawn = false, false
		switch {
		case now.Sub(a.hour) <= time.Hour:
		case a.spent == 0:
			delete(s.accounts, namespace)
		default:
			a.waited, a.hour = 0, now
		}
	}
	s.began = now
	for namespace, n := range releases {
		s.account(namespace).releases = n
	}
}

// count notes that a list was written that is incomplete for nothing but what is waited for.
func (s *shares) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isCounted = true
}

// spend takes from the share of a namespace what finding images in so many bytes of values takes, and
// reports whether anything was left. The last time it may be exceeded.
func (s *shares) spend(namespace string, bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(namespace)
	s.refill(a)
	if a.spent >= a.share() {
		a.isWaiting, s.isSpent = true, true
		return false
	}
	a.spent += bytes
	return true
}

// mayOverdraw reports whether values may be searched that were read while something was left of the share of a
// namespace: as long as less than twice the share is spent, and once in a pass beyond that, for one release may take
// more.
func (s *shares) mayOverdraw(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(namespace)
	s.refill(a)
	if a.spent < 2*a.share() {
		return true
	}
	if a.hasOverdrawn {
		a.isWaiting, s.isSpent = true, true
		return false
	}
	a.hasOverdrawn = true
	return true
}

// share is how much a namespace may spend at a time.
func (a *account) share() int { return budget.ShareBytes + a.releases*budget.ShareBytesPerRelease }

// charge takes from the share of a namespace what was done after something was left, though it has more than that.
func (s *shares) charge(namespace string, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(namespace)
	s.refill(a)
	a.spent += bytes
}

// wait notes that something of a namespace is still to be read beside the passes.
func (s *shares) wait(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account(namespace).isWaiting = true
}

// isLeft reports whether anything is left of the share of a namespace.
func (s *shares) isLeft(namespace string) bool { return s.spend(namespace, 0) }

// isIncomplete reports whether the list is incomplete without what is still to be read.
func (s *shares) isIncomplete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.isWaiting && a.waited < budget.MaxWait {
			return true
		}
	}
	return false
}

// passIn returns when a pass is due for what is still to be read: soon where releases wait for their share, and
// later for what is read beside the passes, which asks for one when it was.
func (s *shares) passIn() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isSpent {
		return requeueDelay
	}
	for _, a := range s.accounts {
		if a.isWaiting {
			return readRetry
		}
	}
	return never
}

// waitingForShare returns the problem of a release that waits for its share.
func waitingForShare() v1alpha1.Problem {
	return v1alpha1.Problem{Reason: v1alpha1.ReasonOverBudget, Message: budget.ErrShare.Error()}
}

func (s *shares) account(namespace string) *account {
	a, ok := s.accounts[namespace]
	if !ok {
		a = &account{at: s.clock(), hour: s.clock()}
		s.accounts[namespace] = a
	}
	return a
}

func (s *shares) refill(a *account) {
	now := s.clock()
	a.spent = max(0, a.spent-int(now.Sub(a.at).Seconds()*budget.ShareBytesPerSecond))
	a.at = now
}
