package local

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is the time between two evaluations of a condition.
const pollInterval = 20 * time.Millisecond

// Condition reports whether a condition is met, and otherwise describes what is found.
type Condition = func(context.Context) (met bool, found string)

// Until waits until a condition is met. The error is the context's cause if that is
// canceled, and otherwise describes what was found last before the timeout.
func Until(ctx context.Context, timeout time.Duration, condition Condition) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := "nothing"
	for {
		met, found := condition(limited)
		if met {
			return nil
		}
		if limited.Err() == nil {
			last = found
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limited.Done():
			return fmt.Errorf("the condition is not met within %s; found last: %s", timeout, last)
		case <-time.After(pollInterval):
		}
	}
}
