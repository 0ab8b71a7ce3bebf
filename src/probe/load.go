package probe

import "time"

// drive is one loop's share of a sustained load.
type drive struct{}

func (d *drive) step()              {}
func (d *drive) due() time.Duration { return never }
