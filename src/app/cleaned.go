package app

// Cleaned is what `stellar clean` did.
type Cleaned struct {
	Removed []string `json:"removed"` // runs, and units that were found by their tags
	Live    []string `json:"live"`    // runs that are going on
	Kept    []string `json:"kept"`    // runs whose functions were kept on purpose
	Moved   []string `json:"moved"`   // likewise, and their folder is no longer there
	Gone    []string `json:"gone"`    // runs whose folder, and journal, is no longer there
	Foreign []string `json:"foreign"` // what is in the index of runs and is none, and why
	Unseen  []string `json:"unseen"`  // providers that were not asked for what has expired, and why

	Failed bool `json:"-"` // something could not be removed: the error says what
}

func newCleaned() *Cleaned {
	return &Cleaned{Removed: []string{}, Live: []string{}, Kept: []string{}, Moved: []string{}, Gone: []string{}, Foreign: []string{}, Unseen: []string{}}
}
