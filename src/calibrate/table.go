package calibrate

import (
	"time"

	"stellar/src/run"
)
