package experiment

import "maps"

// shown is how the reference shows a key: a value of it, and the members that it needs beside it to have an effect.
// All of them are members of a sub-experiment, or of the file where the key is one of the file's.
type shown struct{ value, beside string }

// What examples of keys need beside them.
const (
	withImage    = `"PackageType": "Image"`
	withLoad     = `"RatePerSecond": 50, "DurationSeconds": 60`
	withStream   = `"Entry": "url", "InvokeMode": "streamed", "Runtime": "go"`
	withChain    = `"DataTransferChainLength": 2, "PayloadLengthBytes": 1024, "Runtime": "go"`
	withPingPong = `"Type": "network-ping-pong"`
	withOverhead = `"Type": "invocation-overhead"`
	withRequest  = `"OverheadType": "payload", "Type": "invocation-overhead"`
	withEviction = `"Type": "eviction"`
	withPerfCost = `"Type": "perf-cost"`
)

// examples has an example of each key that the reference describes; true is that of keys that are true or false.
// Every one is read, and tried with each provider, when the reference is made.
func examples() map[string]shown {
	all := deploymentExamples()
	maps.Copy(all, loadExamples())
	maps.Copy(all, studyExamples())
	return all
}

// deploymentExamples are those of the file, and of what is deployed and how it is called.
func deploymentExamples() map[string]shown {
	return map[string]shown{
		"Order":             {value: `"interleaved"`},
		"Repeat":            {value: `5`},
		"Until.p50_ci":      {`"2%"`, `"max_minutes": 30`},
		"Until.max_minutes": {`30`, `"p50_ci": "2%"`},
		"$schema":           {value: `"experiment.schema.json"`},
		"Provider":          {value: `"local"`},
		"Region":            {value: `"eu-central-1"`},
		"Registry":          {`"registry.example.org/team"`, withImage},
		"Storage.Endpoint":  {`"https://minio.example.org:9000"`, withChain + `, "StorageTransfer": true`},
		"Storage.Bucket":    {`"payloads"`, withChain + `, "StorageTransfer": true`},
		"Storage.Region":    {`"eu-central-1"`, withChain + `, "StorageTransfer": true`},
		"Seed":              {value: `42`},
		"SubExperiments":    {value: `[{ "Title": "cold", "Bursts": 20 }]`},

		"Title":                  {value: `"cold"`},
		"Type":                   {value: `"burst"`},
		"Function":               {value: `"measure"`},
		"Handler":                {value: `"main.lambda_handler"`},
		"Runtime":                {value: `"nodejs22.x"`},
		"PackageType":            {value: `"Image"`},
		"PackagePattern":         {value: `"src/**"`},
		"FunctionImageSizeMB":    {value: `50`},
		"FunctionMemoryMB":       {value: `1024`},
		"FunctionTimeoutSeconds": {value: `30`},
		"Architecture":           {value: `"arm64"`},
		"FillerPlacement":        {`"front"`, `"FunctionImageSizeMB": 50`},
		"FillerRead":             {`true`, `"FunctionImageSizeMB": 50`},
		"BaseImage":              {`"debian:12-slim"`, withImage},
		"ColdPull":               {`true`, withImage},
		"ColdStart":              {value: `"force"`},
		"SnapStartEnabled":       {`true`, `"Runtime": "java21"`},

		"Platform.KeepAliveSeconds":      {value: `0.05`},
		"Platform.KeepAliveDistribution": {value: `"exponential"`},
		"Platform.Concurrency":           {value: `20`},
		"Platform.MaxInstances":          {value: `4`},
		"Platform.ImageContract":         {`"http"`, withImage},
		"Platform.Queueing":              {value: `"shared"`},

		"Entry":              {value: `"sdk"`},
		"EntryAuth":          {`"iam"`, `"Entry": "url"`},
		"InvokeMode":         {`"streamed"`, `"Entry": "url", "Runtime": "go"`},
		"StreamBytes":        {`4194304`, withStream},
		"StreamChunkBytes":   {`16384`, withStream},
		"StreamPauseSeconds": {`0.01`, withStream},
	}
}

// loadExamples are those of the requests that are sent, and of what becomes of them.
func loadExamples() map[string]shown {
	return map[string]shown{
		"Parallelism":             {value: `20`},
		"Bursts":                  {value: `100`},
		"BurstSizes":              {value: `[1, 10]`},
		"IATSeconds":              {value: `600`},
		"IATType":                 {`"deterministic"`, `"IATSeconds": 10`},
		"IATJitterSeconds":        {`2`, `"IATSeconds": 10`},
		"IATStepSeconds":          {`30`, `"IATSeconds": 600, "IATType": "step"`},
		"Schedule":                {`"open"`, `"IATSeconds": 10`},
		"DesiredServiceTimes":     {value: `["0ms", "100ms"]`},
		"BusySpinIncrements":      {value: `[1000000]`},
		"PayloadLengthBytes":      {value: `1024`},
		"DataTransferChainLength": {`2`, `"Runtime": "go"`},
		"StorageTransfer":         {`true`, withChain},

		"Connections":     {value: `"new"`},
		"MaxConnections":  {`200`, withLoad},
		"Protocol":        {value: `"h2"`},
		"RatePerSecond":   {`50`, `"DurationSeconds": 60`},
		"DurationSeconds": {`60`, `"RatePerSecond": 50`},
		"Arrivals":        {`"poisson"`, withLoad},
		"TraceSpacing":    {`"even"`, `"Arrivals": "./trace.csv"`},
		"Cmds":            {value: `{ "sleep": 10, "cpu": { "n": 5000 } }`},
		"Thresholds":      {value: `{ "cold_p99_ms": 300, "errors": 0 }`},
		"Optimize":        {`"balanced"`, `"Sweep": { "FunctionMemoryMB": [512, 1024] }`},
		"BalancedWeight": {`0.7`,
			`"Optimize": "balanced", "Sweep": { "FunctionMemoryMB": [512, 1024] }`},
		"TraceContext":   {value: `true`},
		"WarmupBursts":   {value: `2`},
		"TimeoutSeconds": {value: `30`},
		"MaxErrorRatio":  {value: `0.5`},
		"Visualization":  {value: `"all"`},
	}
}

// studyExamples are those of requests of one's own, of single experiment types, and of sweeps.
func studyExamples() map[string]shown {
	return map[string]shown{
		"Method":       {value: `"PUT"`},
		"Path":         {value: `"?lang=en"`},
		"Headers":      {value: `{ "Accept-Language": "en" }`},
		"Body":         {value: `{ "query": "shoes", "limit": 10 }`},
		"Environment":  {value: `{ "STAGE": "test" }`},
		"ExpectStatus": {value: `[200, 201]`},
		"ExpectBody":   {value: `{ "path": "user.name", "value": "Ada" }`},

		"Invocations":       {`20`, withPingPong},
		"Repetitions":       {`500`, withPingPong},
		"Threads":           {`4`, withPingPong},
		"FirstPort":         {`20000`, withPingPong},
		"Exchange":          {`"http"`, withPingPong},
		"AdvertiseAddress":  {`"198.51.100.7"`, withPingPong},
		"OverheadType":      {`"payload"`, `"Exchange": "http", ` + withOverhead},
		"CodePackageBegin":  {`1048576`, `"Exchange": "http", ` + withOverhead},
		"CodePackageEnd":    {`52428800`, `"Exchange": "http", ` + withOverhead},
		"CodePackagePoints": {`5`, `"Exchange": "http", "CodePackageEnd": 52428800, ` + withOverhead},
		"PayloadBegin":      {`1024`, `"Exchange": "http", "PayloadEnd": 1048576, ` + withRequest},
		"PayloadEnd":        {`1048576`, `"Exchange": "http", ` + withRequest},
		"PayloadPoints":     {`5`, `"Exchange": "http", "PayloadEnd": 1048576, ` + withRequest},
		"N":                 {`40`, withOverhead},
		"MaxRetries":        {`3`, withPerfCost},
		"EvictionSeconds":   {`[1, 60, 600]`, withEviction},
		"Copies":            {`5`, withEviction},
		"MemorySizesMB":     {`[512, 1024]`, withPerfCost},
		"Concurrency":       {`20`, withPerfCost},
		"ChainRuntimes":     {`["go", "python3.13"]`, withChain},
		"Fan":               {`4`, withChain},

		"Sweep": {value: `{ "Runtime": ["go", "python3.13"] }`},
	}
}
