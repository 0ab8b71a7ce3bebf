"""What a client of S3 does, with boto3, against the store that the environment names. Each check prints a line."""
import hashlib
import os
import sys
import time
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

config = Config(signature_version="s3v4", retries={"total_max_attempts": 1})
s3 = boto3.client("s3", config=config)


def refused(call, *args, **kwargs):
    """The status and the code with which the store refuses a call."""
    try:
        call(*args, **kwargs)
    except botocore.exceptions.ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
    return 200, ""


def fetch(url, data=None, method="GET"):
    """The status and the body of a plain request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method)) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def check(name, got, want):
    """Prints what a check found, and ends the script where it is not what it should be."""
    if got != want:
        sys.exit(f"{name}: got {got!r}, want {want!r}")
    print("ok", name)


s3.create_bucket(Bucket="foreign")
text = os.urandom(1000)
etag = s3.put_object(Bucket="foreign", Key="a", Body=text)["ETag"]
check("ETag", etag, '"' + hashlib.md5(text).hexdigest() + '"')
check("get", s3.get_object(Bucket="foreign", Key="a")["Body"].read(), text)
s3.put_object(Bucket="foreign", Key="empty", Body=b"")
check("get of 0 bytes", s3.get_object(Bucket="foreign", Key="empty")["Body"].read(), b"")

for given, want in {"bytes=0-0": text[:1], "bytes=10-19": text[10:20], "bytes=990-": text[990:], "bytes=-7": text[-7:],
                    "bytes=990-5000": text[990:]}.items():
    part = s3.get_object(Bucket="foreign", Key="a", Range=given)
    check("range " + given, (part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()), (206, want))
past = refused(s3.get_object, Bucket="foreign", Key="a", Range="bytes=1000-")
check("range past the end", past, (416, "InvalidRange"))

# 200 MiB in parts, from a file that is nearly all hole; what comes back is hashed as it comes.
with open("large", "wb") as f:
    f.truncate(200 << 20)
    for at in range(0, 200 << 20, 10 << 20):
        f.seek(at)
        f.write(os.urandom(64))


def digest(stream):
    """The hash of a stream."""
    h = hashlib.sha1()
    while chunk := stream.read(1 << 20):
        h.update(chunk)
    return h.hexdigest()


s3.upload_file("large", "foreign", "large", Config=TransferConfig(multipart_chunksize=16 << 20, max_concurrency=4))
head = s3.head_object(Bucket="foreign", Key="large")
check("multipart", (head["ContentLength"], head["ETag"].endswith('-13"')), (200 << 20, True))
with open("large", "rb") as f:
    check("multipart content", digest(s3.get_object(Bucket="foreign", Key="large")["Body"]), digest(f))
os.remove("large")
s3.delete_object(Bucket="foreign", Key="large")
upload = s3.create_multipart_upload(Bucket="foreign", Key="never")["UploadId"]
s3.upload_part(Bucket="foreign", Key="never", UploadId=upload, PartNumber=1, Body=b"x")
s3.abort_multipart_upload(Bucket="foreign", Key="never", UploadId=upload)
check("aborted upload", refused(s3.head_object, Bucket="foreign", Key="never"), (404, "404"))

for i in range(25):
    s3.put_object(Bucket="foreign", Key=f"list/{i % 5}/{i:02}", Body=b"")
paginator = s3.get_paginator("list_objects_v2")
pages = list(paginator.paginate(Bucket="foreign", Prefix="list/", PaginationConfig={"PageSize": 10}))
check("pages", [len(p["Contents"]) for p in pages], [10, 10, 5])
check("all pages", len({o["Key"] for p in pages for o in p["Contents"]}), 25)
folders = s3.list_objects_v2(Bucket="foreign", Prefix="list/", Delimiter="/")["CommonPrefixes"]
check("prefixes", [f["Prefix"] for f in folders], [f"list/{i}/" for i in range(5)])
keys = [{"Key": f"list/{i % 5}/{i:02}"} for i in range(25)] + [{"Key": "list/none"}]
gone = s3.delete_objects(Bucket="foreign", Delete={"Objects": keys})
check("delete many", (len(gone["Deleted"]), gone.get("Errors")), (26, None))
check("all deleted", s3.list_objects_v2(Bucket="foreign", Prefix="list/")["KeyCount"], 0)

for key in ["with space", "ünï/çødé/日本", "a+b&c=d?e#f%20g", "dots..in/..name/x.."]:
    s3.put_object(Bucket="foreign", Key=key, Body=key.encode())
    check("key " + key, s3.get_object(Bucket="foreign", Key=key)["Body"].read(), key.encode())
    check("listed " + key, [o["Key"] for o in s3.list_objects_v2(Bucket="foreign", Prefix=key)["Contents"]], [key])
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "foreign", "Key": key}, ExpiresIn=60)
    check("presigned " + key, fetch(url), (200, key.encode()))
for key in ["../out", "in/../../../out", ".."]:
    check("outside " + key, refused(s3.put_object, Bucket="foreign", Key=key, Body=b"x")[0] in (400, 403, 404), True)

key = os.environ["AWS_ACCESS_KEY_ID"]
wrong = boto3.client("s3", config=config, aws_access_key_id=key, aws_secret_access_key="not the secret")
check("wrong secret", refused(wrong.get_object, Bucket="foreign", Key="a"), (403, "SignatureDoesNotMatch"))
stranger = boto3.client("s3", config=config, aws_access_key_id="NOBODY", aws_secret_access_key="x")
check("unknown key", refused(stranger.get_object, Bucket="foreign", Key="a"), (403, "InvalidAccessKeyId"))
check("unsigned", fetch(os.environ["AWS_ENDPOINT_URL_S3"] + "/foreign/a")[0], 403)

put = s3.generate_presigned_url("put_object", Params={"Bucket": "foreign", "Key": "by url"}, ExpiresIn=60)
check("presigned put", fetch(put, b"by url", "PUT")[0], 200)
get = s3.generate_presigned_url("get_object", Params={"Bucket": "foreign", "Key": "by url"}, ExpiresIn=60)
check("presigned get", fetch(get), (200, b"by url"))
check("other method", fetch(get, b"x", "PUT")[0], 403)
check("other key", fetch(get.replace("by%20url", "a"))[0], 403)
check("other expiry", fetch(get.replace("Expires=60", "Expires=61"))[0], 403)
old = s3.generate_presigned_url("get_object", Params={"Bucket": "foreign", "Key": "by url"}, ExpiresIn=1)
deadline = time.monotonic() + 10
while fetch(old)[0] == 200 and time.monotonic() < deadline:
    time.sleep(0.05)
status, body = fetch(old)
check("expired", (status, b"expired" in body), (403, True))
check("bucket with objects", refused(s3.delete_bucket, Bucket="foreign"), (409, "BucketNotEmpty"))
