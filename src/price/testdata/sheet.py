"""Makes sheet.csv: 1000 reports of requests to all providers, and what each costs.

It shares nothing with the Go code: the prices stand here as the providers' pages have them, the rules are written from
the same pages, and the arithmetic is decimal. Run it in this folder: python3 sheet.py > sheet.csv
"""
import random
import sys
from decimal import ROUND_CEILING, Decimal as D

MILLION = D(1_000_000)
# price of a GB-second by architecture; SnapStart's cache and restore; a request through an HTTP API
GB_SECOND = {"amd64": D("0.0000166667"), "arm64": D("0.0000133334")}
RESTORE = {"us-east-1": D("0.0001397998"), "ap-northeast-1": D("0.0001397998"), "ap-northeast-2": D("0.0001674588")}
HTTP_API = {"us-east-1": D("1.00"), "eu-west-1": D("1.11"), "eu-central-1": D("1.20"),
            "ap-northeast-1": D("1.29"), "ap-northeast-2": D("1.23")}
DISK = {"us-east-1": D("0.0000000309"), "eu-west-2": D("0.0000000358")}
TIER = {"europe-west1": 1, "us-central1": 1, "us-south1": 1, "asia-northeast1": 1,
        "europe-west3": 2, "us-west2": 2, "asia-northeast3": 2, "southamerica-east1": 2}
VCPU = {1: D("0.000024"), 2: D("0.0000336")}
GIB = {1: D("0.0000025"), 2: D("0.0000035")}
HEADER = ("provider,region,architecture,memory_mb,cpus,entry,snapstart,java,ephemeral_mb,duration_us,billed_us,init_us,"
          "restore_us,cpu_us,max_memory_mb,bytes,usd")


def up(value, step):
    """Rounds up to a multiple of step."""
    return (D(value) / D(step)).to_integral_value(ROUND_CEILING) * D(step)


def aws(rng):
    entry = rng.choice(["http-api", "url"])
    snapstart, java = rng.random() < 0.3, rng.random() < 0.3
    disk = rng.choice([0, 0, 0, 512, 1024, 10240])
    regions = set(HTTP_API) if entry == "http-api" else set(HTTP_API) | {"eu-west-2", "us-east-2", "us-west-2"}
    if snapstart and not java:
        regions &= set(RESTORE)
    if disk > 512:
        regions &= set(DISK)
    if not regions:
        return aws(rng)
    region, arch = rng.choice(sorted(regions)), rng.choice(["amd64", "arm64"])
    memory = rng.choice([128, 129, 256, 512, 1024, 1769, 3008, 10240])
    duration = rng.choice([1, 999, 1000, 1001, 100_000, rng.randrange(1, 9_000_000)])
    cold = rng.random() < 0.3
    restore = rng.randrange(100_000, 900_000) if cold and snapstart else -1
    init = rng.randrange(1_000, 3_000_000) if cold and not snapstart else -1
    billed = int(up(duration + max(init, 0), 1000)) if rng.random() < 0.5 else -1
    size = rng.choice([0, 17, 512 * 1024, 512 * 1024 + 1, 6_000_000])
    seconds = up(duration + max(init, 0), 1000) / MILLION
    usd = D("0.20") / MILLION + D(memory) / 1024 * seconds * GB_SECOND[arch]
    if disk > 512:
        usd += D(disk - 512) / 1024 * seconds * DISK[region]
    if restore >= 0 and not java:
        usd += D(memory) / 1024 * RESTORE[region]
    if entry == "http-api":
        usd += max(D(1), up(size, 512 * 1024) / (512 * 1024)) * HTTP_API[region] / MILLION
    return ["aws", region, arch, memory, 0, entry, snapstart, java, disk, duration, billed, init, restore, -1,
            rng.randrange(30, memory + 1), size, usd]


def google(rng):
    region = rng.choice(sorted(TIER))
    memory, cpus = rng.choice([(128, "0.083"), (256, "0.167"), (512, "1"), (2048, "1"), (4096, "2"), (32768, "8")])
    duration = rng.choice([1, 99_999, 100_000, 100_001, rng.randrange(1, 60_000_000)])
    init = rng.choice([-1, -1, rng.randrange(1_000, 5_000_000)])
    seconds = up(duration + max(init, 0), 100_000) / MILLION
    tier = TIER[region]
    usd = D("0.40") / MILLION + seconds * (D(cpus) * VCPU[tier] + D(memory) / 1024 * GIB[tier])
    return [rng.choice(["gcr", "google"]), region, "amd64", memory, cpus, "", False, False, 0, duration, -1, init, -1,
            -1, 0, 100, usd]


def azure(rng):
    used = rng.choice([1, 127, 128, 129, 400, 1536, 1700])
    duration = rng.choice([1, 99_000, 100_000, 100_001, rng.randrange(1, 60_000_000)])
    memory = min(up(used, 128), D(1536)) / 1024
    seconds = max(up(duration, 1000), D(100_000)) / MILLION
    usd = D("0.20") / MILLION + memory * seconds * D("0.000016")
    return ["azure", rng.choice(["eastus", "East US"]), "amd64", 0, 0, "", False, False, 0, duration, -1, -1, -1, -1,
            used, 100, usd]


def cloudflare(rng):
    cpu = rng.randrange(0, 30_000_000)
    usd = D("0.30") / MILLION + D(cpu) / 1000 * D("0.02") / MILLION
    return ["cloudflare", "", "amd64", 128, 0, "", False, False, 0, cpu + rng.randrange(0, 9_000_000), -1, -1, -1, cpu,
            0, 100, usd]


def aliyun(rng):
    memory, cpus = rng.choice([(128, "0.05"), (512, "0.35"), (1024, "0.5"), (4096, "2"), (32768, "16")])
    disk = rng.choice([0, 512, 10240])
    duration = rng.choice([1, 999, 1000, 1001, rng.randrange(1, 60_000_000)])
    seconds = up(duration, 1000) / MILLION
    units = D(75) / 10_000 + seconds * (D(cpus) + D("0.15") * memory / 1024 + D("0.05") * max(disk - 512, 0) / 1024)
    return ["aliyun", rng.choice(["eu-central-1", "cn-hangzhou"]), "amd64", memory, cpus, "", False, False, disk,
            duration, -1, -1, -1, -1, 0, 100, units * D("0.000020")]


def main():
    rng = random.Random(20261128)
    print(HEADER)
    for i in range(1000):
        row = [aws, google, azure, cloudflare, aliyun][i % 5](rng)
        row[-1] = format(row[-1], ".18f")
        print(",".join(str(c).lower() if isinstance(c, bool) else str(c) for c in row))


if __name__ == "__main__":
    sys.exit(main())
