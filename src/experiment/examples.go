package experiment

// shown is how the reference shows a key: a value of it, and the members that it needs beside it to have an effect.
// All of them are members of a sub-experiment, or of the file where the key is one of the file's.
type shown struct{ value, beside string }

// examples has an example of each key that the reference describes; true is that of keys that are true or false.
// Every one is read, and tried with each provider, when the reference is made.
func examples() map[string]shown {
	const (
		image    = `"PackageType": "Image"`
		load     = `"RatePerSecond": 50, "DurationSeconds": 60`
		stream   = `"Entry": "url", "InvokeMode": "streamed", "Runtime": "go"`
		chain    = `"DataTransferChainLength": 2, "PayloadLengthBytes": 1024, "Runtime": "go"`
		pingPong = `"Type": "network-ping-pong"`
		overhead = `"Type": "invocation-overhead"`
		request  = `"OverheadType": "payload", "Type": "invocation-overhead"`
		eviction = `"Type": "eviction"`
		perfCost = `"Type": "perf-cost"`
	)
	return map[string]shown{
		"$schema":          {value: `"experiment.schema.json"`},
		"Provider":         {value: `"local"`},
		"Region":           {value: `"eu-central-1"`},
		"Registry":         {`"registry.example.org/team"`, image},
		"Storage.Endpoint": {`"https://minio.example.org:9000"`, chain + `, "StorageTransfer": true`},
		"Storage.Bucket":   {`"payloads"`, chain + `, "StorageTransfer": true`},
		"Storage.Region":   {`"eu-central-1"`, chain + `, "StorageTransfer": true`},
		"Seed":             {value: `42`},
		"SubExperiments":   {value: `[{ "Title": "cold", "Bursts": 20 }]`},

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
		"BaseImage":              {`"debian:12-slim"`, image},
		"ColdPull":               {`true`, image},
		"ColdStart":              {value: `"force"`},
		"SnapStartEnabled":       {`true`, `"Runtime": "java21"`},

		"Platform.KeepAliveSeconds":      {value: `0.05`},
		"Platform.KeepAliveDistribution": {value: `"exponential"`},
		"Platform.Concurrency":           {value: `20`},
		"Platform.MaxInstances":          {value: `4`},
		"Platform.ImageContract":         {`"http"`, image},
		"Platform.Queueing":              {value: `"shared"`},

		"Entry":              {value: `"sdk"`},
		"EntryAuth":          {`"iam"`, `"Entry": "url"`},
		"InvokeMode":         {`"streamed"`, `"Entry": "url", "Runtime": "go"`},
		"StreamBytes":        {`4194304`, stream},
		"StreamChunkBytes":   {`16384`, stream},
		"StreamPauseSeconds": {`0.01`, stream},

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
		"StorageTransfer":         {`true`, chain},

		"Connections":     {value: `"new"`},
		"MaxConnections":  {`200`, load},
		"Protocol":        {value: `"h2"`},
		"RatePerSecond":   {`50`, `"DurationSeconds": 60`},
		"DurationSeconds": {`60`, `"RatePerSecond": 50`},
		"Arrivals":        {`"poisson"`, load},
		"TraceSpacing":    {`"even"`, `"Arrivals": "./trace.csv"`},
		"Cmds":            {value: `{ "sleep": 10, "cpu": { "n": 5000 } }`},
		"Thresholds":      {value: `{ "cold_p99_ms": 300, "errors": 0 }`},
		"Optimize":        {`"balanced"`, `"Sweep": { "FunctionMemoryMB": [512, 1024] }`},
		"BalancedWeight": {`0.7`,
			`"Optimize": "balanced", "Sweep": { "FunctionMemoryMB": [512, 1024] }`},
		"WarmupBursts":   {value: `2`},
		"TimeoutSeconds": {value: `30`},
		"MaxErrorRatio":  {value: `0.5`},
		"Visualization":  {value: `"all"`},

		"Method":       {value: `"PUT"`},
		"Path":         {value: `"?lang=en"`},
		"Headers":      {value: `{ "Accept-Language": "en" }`},
		"Body":         {value: `{ "query": "shoes", "limit": 10 }`},
		"Environment":  {value: `{ "STAGE": "test" }`},
		"ExpectStatus": {value: `[200, 201]`},
		"ExpectBody":   {value: `{ "path": "user.name", "value": "Ada" }`},

		"Invocations":       {`20`, pingPong},
		"Repetitions":       {`500`, pingPong},
		"Threads":           {`4`, pingPong},
		"FirstPort":         {`20000`, pingPong},
		"Exchange":          {`"http"`, pingPong},
		"AdvertiseAddress":  {`"198.51.100.7"`, pingPong},
		"OverheadType":      {`"payload"`, `"Exchange": "http", ` + overhead},
		"CodePackageBegin":  {`1048576`, `"Exchange": "http", ` + overhead},
		"CodePackageEnd":    {`52428800`, `"Exchange": "http", ` + overhead},
		"CodePackagePoints": {`5`, `"Exchange": "http", "CodePackageEnd": 52428800, ` + overhead},
		"PayloadBegin":      {`1024`, `"Exchange": "http", "PayloadEnd": 1048576, ` + request},
		"PayloadEnd":        {`1048576`, `"Exchange": "http", ` + request},
		"PayloadPoints":     {`5`, `"Exchange": "http", "PayloadEnd": 1048576, ` + request},
		"N":                 {`40`, overhead},
		"MaxRetries":        {`3`, perfCost},
		"EvictionSeconds":   {`[1, 60, 600]`, eviction},
		"Copies":            {`5`, eviction},
		"MemorySizesMB":     {`[512, 1024]`, perfCost},
		"Concurrency":       {`20`, perfCost},
		"ChainRuntimes":     {`["go", "python3.13"]`, chain},
		"Fan":               {`4`, chain},

		"Sweep": {value: `{ "Runtime": ["go", "python3.13"] }`},
	}
}
