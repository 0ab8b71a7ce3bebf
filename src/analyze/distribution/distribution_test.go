package distribution

import (
	"math"
	"testing"
)

// TestBeta compares with closed forms: I_x(1, b) = 1 - (1-x)^b, I_x(a, 1) = x^a, and binomial tails.
func TestBeta(t *testing.T) {
	for _, c := range []struct{ x, a, b, want float64 }{
		{0.3, 1, 4, 1 - math.Pow(0.7, 4)}, {0.9, 1, 40, 1 - math.Pow(0.1, 40)}, {0.5, 3, 1, 0.125},
		{0.25, 2, 2, 3*0.0625 - 2*0.015625}, {0.5, 700, 700, 0.5}, {0, 2, 3, 0}, {1, 2, 3, 1},
	} {
		if got := Beta(c.x, c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("I_%g(%g, %g) = %.15f, want %.15f", c.x, c.a, c.b, got, c.want)
		}
	}
}

// TestStudentQuantile compares with published tables of the t distribution.
func TestStudentQuantile(t *testing.T) {
	for _, c := range []struct{ p, df, want float64 }{
		{0.975, 1, 12.7062}, {0.975, 4, 2.7764}, {0.975, 49, 2.0096}, {0.995, 1, 63.6567}, {0.995, 9, 3.2498},
		{0.995, 120, 2.6174}, {0.5, 7, 0}, {0.975, 1e6, 1.95997},
	} {
		if got := StudentQuantile(c.p, c.df); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("t(%g, %g) = %.5f, want %.4f", c.p, c.df, got, c.want)
		}
	}
}

// TestProportionInterval compares with published values of the exact interval, and with the binomial tails that
// define it.
func TestProportionInterval(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.3085}, {10, 10, 0.6915, 1}, {1, 10, 0.0025, 0.4450}, {5, 10, 0.1871, 0.8129},
	} {
		low, high := ProportionInterval(c.k, c.n, 0.05)
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
	low, _ := ProportionInterval(7, 20, 0.01)
	tail := 0.0
	for k := 7; k <= 20; k++ {
		tail += math.Exp(lchoose(20, k) + float64(k)*math.Log(low) + float64(20-k)*math.Log1p(-low))
	}
	if math.Abs(tail-0.005) > 1e-9 {
		t.Errorf("at the lower bound 7 or more of 20 have probability %g, want 0.005", tail)
	}
}

func lchoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
