package provider

// azureLimits are those of the Consumption plan: learn.microsoft.com/azure/azure-functions/functions-scale, November 2026.
func azureLimits() Limits {
	return Limits{PackageTypes: []string{"Zip"}, ZipBytes: 1024 * mib, ZipWords: "1 GB", TimeoutMax: 600}
}
