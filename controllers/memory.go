package controllers

import (
	"os"
	"runtime/debug"
	"time"
)

// memoryDelay is how long after a complete list memory is given back: after a start, the report is written then.
// That takes a collection of all garbage, so it is not done again for memoryInterval.
const (
	memoryDelay    = 20 * time.Second
	memoryInterval = 5 * time.Minute
)

// steadyGrowth is by how many percent of what is kept the heap may grow before garbage is collected, once
// everything was read. Go's default of 100 is better before that, where nearly all is garbage; afterwards there
// is little of it, and collecting it twice as often costs next to nothing.
const steadyGrowth = 50

// freeMemory gives memory back some time after a complete list, but not often: reading everything, rendering
// charts, composing reports, and the events about them, leave several times as much behind as is kept, and as
// long as nothing happens nobody would.
func (r *Reconciler) freeMemory(complete bool) {
	if !complete || time.Since(r.freed) <= memoryInterval {
		return
	}
	r.freed = time.Now().Add(memoryDelay)
	time.AfterFunc(memoryDelay, func() {
		if os.Getenv("GOGC") == "" { // Go's own way to set it comes first
			debug.SetGCPercent(steadyGrowth)
		}
		debug.FreeOSMemory()
	})
}
