package machine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Cores are processors of this machine by their numbers, in ascending order.
type Cores []int

// mostCores is the largest number of a core that Linux knows (NR_CPUS of its largest configurations).
const mostCores = 8192

// ParseCores reads a list as taskset takes it: numbers and ranges, 0-3,6.
func ParseCores(text string) (Cores, error) {
	var out Cores
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to >= mostCores {
			return nil, fail.Input("%q is no list of cores", text).WithHint("give numbers and ranges: 0 or 0-1,4")
		}
		for core := from; core <= to; core++ {
			out = append(out, core)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// String is the list as ParseCores reads it.
func (c Cores) String() string {
	var parts []string
	for i := 0; i < len(c); {
		end := i
		for end+1 < len(c) && c[end+1] == c[end]+1 {
			end++
		}
		part := strconv.Itoa(c[i])
		if end > i {
			part += "-" + strconv.Itoa(c[end])
		}
		parts, i = append(parts, part), end+1
	}
	return strings.Join(parts, ",")
}

// Beside is the cores of the machine that this process may use and that are not in c. A core in c that it may not use
// is an error, and so are lists that leave none.
func (c Cores) Beside() (Cores, error) {
	all, err := usableCores()
	if err != nil {
		return nil, err
	}
	return c.beside(all)
}

func (c Cores) beside(all Cores) (Cores, error) {
	for _, core := range c {
		if !slices.Contains(all, core) {
			return nil, fail.Input("there is no core %d for this process: it may use %s", core, all)
		}
	}
	others := slices.DeleteFunc(slices.Clone(all), func(core int) bool { return slices.Contains(c, core) })
	if len(others) == 0 {
		return nil, fail.Input("cores %s are all that this process may use: none is left beside the client", c)
	}
	return others, nil
}
