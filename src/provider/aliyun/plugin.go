package aliyun

import _ "embed"

// pluginName is our plugin's file beside serverless.yml. It keeps what a deployment makes apart from the rest of the
// account.
const pluginName = "stellar-aliyun.js"

// pluginSource is the plugin.
//
//go:embed stellar-aliyun.js
var pluginSource []byte
