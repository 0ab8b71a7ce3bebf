package local

import "regexp"

// To come.
func javaFamily() family { return family{ids: regexp.MustCompile(`^$`)} }
