package price

import (
	"math"
	"time"
)

// Items that are charged for.
const (
	itemRequest   = "request"
	itemDuration  = "duration"
	itemEphemeral = "ephemeral-storage"
	itemCache     = "snapstart-cache"
	itemRestore   = "snapstart-restore"
	itemHTTPAPI   = "http-api"
	itemVCPU      = "vcpu"
	itemMemory    = "memory"
	itemCPU       = "cpu"
	itemCU        = "cu"
)

// units gives for each unit of a price how many of the rules' quantities it is.
func units() map[string]float64 {
	return map[string]float64{
		"1M requests": 1e6, "1M executions": 1e6, "1M CPU ms": 1e6,
		"GB-s": 1, "GiB-s": 1, "GB": 1, "vCPU-s": 1, "CU": 1,
	}
}

// quantity is an amount of an item, in requests, GB-s, GB, vCPU-s, CPU ms or CU.
type quantity struct {
	item   string
	amount float64
}

// rule is how a provider bills.
type rule struct {
	units    map[string]string                             // unit of each item's price
	items    func(f Function) []string                     // which are charged for a function
	meter    func(f Function, u Usage) ([]quantity, error) // of one request
	standing func(f Function, d time.Duration) []quantity  // of a function that is deployed; nil: nothing
	// what standing is for, in words
	standingItem string
}

// rules are those of the providers that have prices. The local platform bills as AWS Lambda does, whose interface it
// has; it has prices only where a file gives them.
func rules() map[string]rule {
	return map[string]rule{
		"aws": lambdaRule(), "local": lambdaRule(), "gcr": cloudRunRule(), "google": cloudRunRule(),
		"azure": consumptionRule(), "cloudflare": workersRule(), "aliyun": functionComputeRule(),
	}
}

// freeDiskMB is the disk that AWS Lambda and Function Compute give without a charge, in MiB.
const freeDiskMB = 512

// gib converts MiB. Providers that write GB mean 1024 MB: a function of 128 MB has 0.125 GB.
func gib(mib int) float64 { return float64(mib) / 1024 }

// ceil rounds a duration up to a multiple.
func ceil(d, step time.Duration) time.Duration {
	if rest := d % step; rest > 0 {
		return d + step - rest
	}
	return d
}

// lambdaRule is AWS Lambda's. A request costs a fixed amount, and its duration in whole ms, rounded up, times the
// memory. Since 1 August 2025 the billed duration of every function includes its initialization
// (aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase). Disk over 512 MB is billed for the
// same duration. With SnapStart each restore costs by the function's memory, and the cached snapshot by memory and
// time, three hours at least; Java's cost neither (aws.amazon.com/lambda/pricing). An HTTP API in front costs per
// request, in steps of 512 KB (aws.amazon.com/api-gateway/pricing); a function URL costs nothing more.
func lambdaRule() rule {
	return rule{
		units: map[string]string{itemRequest: "1M requests", itemDuration: "GB-s", itemEphemeral: "GB-s",
			itemCache: "GB-s", itemRestore: "GB", itemHTTPAPI: "1M requests"},
		items: func(f Function) []string {
			items := []string{itemRequest, itemDuration}
			if f.EphemeralMB > freeDiskMB {
				items = append(items, itemEphemeral)
			}
			if f.SnapStart && !f.Java {
				items = append(items, itemCache, itemRestore)
			}
			if f.Entry == EntryHTTPAPI {
				items = append(items, itemHTTPAPI)
			}
			return items
		},
		meter: lambdaMeter,
		standing: func(f Function, d time.Duration) []quantity {
			if !f.SnapStart || f.Java {
				return nil
			}
			return []quantity{{itemCache, gib(f.MemoryMB) * max(d, leastCache).Seconds()}}
		},
		standingItem: "SnapStart's cache, billed by memory for 3 hours at least,",
	}
}

const (
	leastCache  = 3 * time.Hour // of a snapshot of SnapStart
	httpAPIStep = 512 << 10     // bytes that an HTTP API counts as one request
)

func lambdaMeter(f Function, u Usage) ([]quantity, error) {
	billed := u.Billed
	if billed < 0 {
		if u.Duration < 0 {
			return nil, &UnknownError{f.Provider, "the duration that the platform reports"}
		}
		billed = ceil(u.Duration+max(u.Init, 0), time.Millisecond)
	}
	if f.MemoryMB <= 0 {
		return nil, &UnknownError{f.Provider, "the function's memory"}
	}
	out := []quantity{{itemRequest, 1}, {itemDuration, gib(f.MemoryMB) * billed.Seconds()}}
	if f.EphemeralMB > freeDiskMB {
		out = append(out, quantity{itemEphemeral, gib(f.EphemeralMB-freeDiskMB) * billed.Seconds()})
	}
	if f.SnapStart && !f.Java && u.Restore >= 0 {
		out = append(out, quantity{itemRestore, gib(f.MemoryMB)})
	}
	if f.Entry == EntryHTTPAPI {
		out = append(out, quantity{itemHTTPAPI, max(1, math.Ceil(float64(u.Bytes)/httpAPIStep))})
	}
	return out, nil
}

// cloudRunRule is that of Cloud Run with billing by request, and of Cloud Run functions, which are billed as Cloud Run:
// vCPU and memory for the time in which an instance starts or answers, rounded up to 100 ms, and each request
// (cloud.google.com/run/pricing). Requests that share an instance share its time: of one alone the price is not known.
func cloudRunRule() rule {
	return rule{
		units: map[string]string{itemRequest: "1M requests", itemVCPU: "vCPU-s", itemMemory: "GiB-s"},
		items: func(Function) []string { return []string{itemRequest, itemVCPU, itemMemory} },
		meter: func(f Function, u Usage) ([]quantity, error) {
			switch {
			case f.Concurrency > 1:
				return nil, &UnknownError{f.Provider, "the requests that share its instance"}
			case f.CPUs <= 0 || f.MemoryMB <= 0:
				return nil, &UnknownError{f.Provider, "the function's vCPUs and memory"}
			}
			billed := u.Billed
			if billed < 0 {
				if u.Duration < 0 {
					return nil, &UnknownError{f.Provider, "the duration that the platform reports"}
				}
				billed = u.Duration + max(u.Init, 0)
			}
			seconds := ceil(billed, 100*time.Millisecond).Seconds()
			memory := gib(f.MemoryMB) * seconds
			return []quantity{{itemRequest, 1}, {itemVCPU, f.CPUs * seconds}, {itemMemory, memory}}, nil
		},
	}
}

// Steps and limits of Azure's Consumption plan.
const (
	azureMemoryStep = 128  // MiB
	azureMostMemory = 1536 // MiB
	azureLeastTime  = 100 * time.Millisecond
)

// consumptionRule is that of Azure Functions' Consumption plan: each execution, and the memory that it used, rounded up
// to 128 MB and 1536 MB at most, times its duration, rounded up to 1 ms and 100 ms at least
// (azure.microsoft.com/pricing/details/functions).
func consumptionRule() rule {
	return rule{
		units: map[string]string{itemRequest: "1M executions", itemDuration: "GB-s"},
		items: func(Function) []string { return []string{itemRequest, itemDuration} },
		meter: func(f Function, u Usage) ([]quantity, error) {
			switch {
			case u.Duration < 0:
				return nil, &UnknownError{f.Provider, "the duration that the platform reports"}
			case u.MaxMemoryMB <= 0:
				return nil, &UnknownError{f.Provider, "the memory in use"}
			}
			steps := (u.MaxMemoryMB + azureMemoryStep - 1) / azureMemoryStep
			memory := gib(min(steps*azureMemoryStep, azureMostMemory))
			billed := max(ceil(u.Duration, time.Millisecond), azureLeastTime)
			return []quantity{{itemRequest, 1}, {itemDuration, memory * billed.Seconds()}}, nil
		},
	}
}

// workersRule is that of Cloudflare Workers on the paid plan, usage model Standard: each request and its processor time
// in ms, which is what its report has as billed; waiting costs nothing
// (developers.cloudflare.com/workers/platform/pricing). The plan's monthly amount is not in it.
func workersRule() rule {
	return rule{
		units: map[string]string{itemRequest: "1M requests", itemCPU: "1M CPU ms"},
		items: func(Function) []string { return []string{itemRequest, itemCPU} },
		meter: func(f Function, u Usage) ([]quantity, error) {
			cpu := u.CPU
			if cpu < 0 {
				cpu = u.Billed
			}
			if cpu < 0 {
				return nil, &UnknownError{f.Provider, "its processor time"}
			}
			return []quantity{{itemRequest, 1}, {itemCPU, cpu.Seconds() * 1000}}, nil
		},
	}
}

// Conversion of Alibaba Cloud's Function Compute from what is used to compute units (CU).
const (
	cuPerRequest = 75.0 / 10_000
	cuPerVCPU    = 1.0  // for a vCPU-s
	cuPerMemory  = 0.15 // for a GB-s
	cuPerDisk    = 0.05 // for a GB-s over 512 MB
)

// functionComputeRule is that of Alibaba Cloud's Function Compute: requests, vCPU, memory and disk over 512 MB for the
// duration in ms become compute units, which have one price
// (alibabacloud.com/help/en/functioncompute/fc-3-0/product-overview/billing-overview-1). A bill rounds the units of
// each function and hour up to a whole one, which is not part of a request's price.
func functionComputeRule() rule {
	return rule{
		units: map[string]string{itemCU: "CU"},
		items: func(Function) []string { return []string{itemCU} },
		meter: func(f Function, u Usage) ([]quantity, error) {
			switch {
			case f.MemoryMB <= 0:
				return nil, &UnknownError{f.Provider, "the function's memory"}
			case f.CPUs <= 0:
				return nil, &UnknownError{f.Provider, "the number of the function's vCPUs"}
			case f.Concurrency > 1:
				return nil, &UnknownError{f.Provider, "the requests that share its instance"}
			case u.Billed < 0 && u.Duration < 0:
				return nil, &UnknownError{f.Provider, "the duration that the platform reports"}
			}
			billed := u.Billed
			if billed < 0 {
				billed = u.Duration
			}
			seconds := ceil(billed, time.Millisecond).Seconds()
			disk := gib(max(f.EphemeralMB-freeDiskMB, 0))
			cu := cuPerRequest + seconds*(cuPerVCPU*f.CPUs+cuPerMemory*gib(f.MemoryMB)+cuPerDisk*disk)
			return []quantity{{itemCU, cu}}, nil
		},
	}
}
