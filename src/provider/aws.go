package provider

// awsLimits are Lambda's: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, November 2026. The 250 MB of unpacked code are
// 262144000 bytes in Lambda's own refusal; over 50 MB a package goes through S3, as the Serverless CLI always does it.
func awsLimits() Limits {
	return Limits{ZipBytes: 250 * mib, ZipWords: "250 MB unpacked", ImageBytes: 10 * 1024 * mib, MemoryMB: [2]int{128, 10240}, TimeoutMax: 900,
		SnapStart: []string{"java", "python"}, Arm: true}
}
