package experiment

import (
	"slices"
	"testing"
)

func TestOverheadSizes(t *testing.T) {
	code := SubExperiment{Type: TypeOverhead, TypeKeys: TypeKeys{OverheadType: OverheadCode,
		CodePackageBegin: 1048576, CodePackageEnd: 261619712, CodePackagePoints: 20}}
	all := code.OverheadSizes()
	if len(all) != 20 || all[0] != 1048576 || all[1] != 14762846 || all[19] != 261619712 || code.PackageKey() !=
		"CodePackageEnd" {
		t.Errorf("code: %v", all)
	}
	for _, c := range []struct {
		from, to int64
		points   int
		want     []int64
	}{
		{1, 2, 2, []int64{1, 2}}, {5, 5, 1, []int64{5}}, {7, 7, 3, []int64{7, 7, 7}}, {0, 10, 4, []int64{0, 3, 7, 10}},
		{1, 1 << 40, 3, []int64{1, 1<<39 + 1, 1 << 40}},
	} {
		s := SubExperiment{Type: TypeOverhead, TypeKeys: TypeKeys{OverheadType: OverheadPayload, PayloadBegin: c.from,
			PayloadEnd: c.to, PayloadPoints: c.points}}
		if got := s.OverheadSizes(); !slices.Equal(got, c.want) || s.PackageKey() != "FunctionImageSizeMB" {
			t.Errorf("%d to %d in %d: %v", c.from, c.to, c.points, got)
		}
	}
}
