package provider

// aliyunLimits are those of Function Compute: alibabacloud.com/help/en/functioncompute/fc-3-0/product-overview/limits-of-usage, November 2026.
func aliyunLimits() Limits {
	return Limits{ZipBytes: 500 * mb, ZipWords: "500 MB packed", ImageBytes: 10 * 1024 * mib, MemoryMB: [2]int{128, 32768}, TimeoutMax: 86400}
}
