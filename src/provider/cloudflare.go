package provider

// cloudflareLimits are those of Workers: developers.cloudflare.com/workers/platform/limits, November 2026.
func cloudflareLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, ZipBytes: 10 * mb, ZipWords: "10 MB compressed on the paid plan, 3 MB on the free one"}
}
