package provider

// gcrLimits are Cloud Run's: cloud.google.com/run/quotas, November 2026.
func gcrLimits() Limits {
	return Limits{PackageTypes: []string{"Image"}, MemoryMB: [2]int{128, 32768}, TimeoutMax: 3600, CPUBoost: true}
}
