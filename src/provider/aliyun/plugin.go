// Package aliyun carries the Serverless plugin that lies beside the one for Alibaba Cloud, so that all which a deployment makes is the
// run's own.
package aliyun

import _ "embed"

// Name is the plugin's file beside serverless.yml.
const Name = "stellar-aliyun.js"

// Source is the plugin.
//
//go:embed stellar-aliyun.js
var Source []byte
