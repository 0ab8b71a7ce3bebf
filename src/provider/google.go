package provider

// googleLimits are those of Cloud Functions, 2nd generation: cloud.google.com/functions/quotas, November 2026.
func googleLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600}
}
