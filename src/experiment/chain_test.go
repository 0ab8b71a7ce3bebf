package experiment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestChainFunctions(t *testing.T) {
	for _, c := range []struct{ length, fan, want int }{
		{1, 1, 1}, {2, 1, 2}, {8, 1, 8}, {2, 5, 6}, {3, 2, 7}, {1000, 1, 1000}, {4, 10, 1111}, {1000, 1000, 1001},
	} {
		s := SubExperiment{DataTransferChainLength: c.length, TypeKeys: TypeKeys{Fan: c.fan}}
		if got := s.ChainFunctions(); got != c.want && (got <= MaxChain || c.want <= MaxChain) {
			t.Errorf("length %d, fan %d: %d functions, want %d", c.length, c.fan, got, c.want)
		}
	}
	s := SubExperiment{DataTransferChainLength: 3, Runtime: "go", TypeKeys: TypeKeys{Fan: 2}}
	if got := s.ChainLevels(); !slices.Equal(got, []int{0, 1, 2, 2, 1, 2, 2}) {
		t.Errorf("levels %v", got)
	}
	if s.RuntimeAt(2) != "go" || !slices.Equal(s.Runtimes(), []string{"go"}) {
		t.Errorf("runtimes %v", s.Runtimes())
	}
	s.ChainRuntimes = []string{"java21", "rust"}
	if s.RuntimeAt(2) != "java21" || !slices.Equal(s.Runtimes(), s.ChainRuntimes) {
		t.Errorf("runtimes %v", s.Runtimes())
	}
}

// TestChainsThatCannotBe: what the keys of chains exclude is said with the key to blame.
func TestChainsThatCannotBe(t *testing.T) {
	for keys, want := range map[string]string{
		`"Fan":2`:                              "",
		`"ChainRuntimes":["go","nodejs"]`:      "",
		`"Fan":40,"DataTransferChainLength":4`: "Fan: a Fan of 40 over 4 levels makes more than 1000 functions",
		`"Fan":0`:                              "Fan",
		`"ChainRuntimes":["cobol"]`:            "ChainRuntimes[0]",
		`"ChainRuntimes":[]`:                   "ChainRuntimes",
		`"Fan":2,"Protocol":"grpc"`:            "chains over grpc have a Fan of 1",
		`"Entry":"sdk"`:                        "by URLs without a signature",
		`"ChainRuntimes":["java21"],"DesiredServiceTimes":["5ms"]`: "want DesiredServiceTimes",
		`"Runtime":"java21","DesiredServiceTimes":["5ms"]`:         "",
	} {
		text := `{"Provider":"local","SubExperiments":[{"DataTransferChainLength":2,"Bursts":1,` + keys + `}]}`
		if strings.Contains(keys, "DataTransferChainLength") {
			text = strings.Replace(text, `"DataTransferChainLength":2,`, "", 1)
		}
		_, err := Parse("f.json", []byte(text), testProviders())
		if said := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(said, want) && want != "" {
			t.Errorf("%s: %v, want %q", keys, err, want)
		}
	}
}
