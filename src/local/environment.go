package local

import (
	"fmt"
	"time"
)

// environment is Lambda's variables, then the function's own; nothing of this process's environment.
func (in *instance) environment(api string) []string {
	spec := &in.fn.spec
	set := map[string]string{
		"LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
	}
	for k, v := range spec.Environment {
		set[k] = v
	}
	env := make([]string, 0, len(set)+16)
	for k, v := range set {
		env = append(env, k+"="+v)
	}
	return append(append(env, "LAMBDA_TASK_ROOT="+in.fn.pkg.dir, "_HANDLER="+spec.Handler,
		"AWS_EXECUTION_ENV=AWS_Lambda_"+spec.Runtime), append(in.lambda(api), in.fn.launch.family.env...)...)
}

// lambda is the variables that tell a function on Lambda where and what it is.
func (in *instance) lambda(api string) []string {
	spec, region := &in.fn.spec, in.fn.platform.opts.Region
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + spec.Name,
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", spec.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/stellar/" + in.fn.service + "/" + spec.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + in.id,
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
	}
	if spec.Concurrency > 1 {
		env = append(env, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", spec.Concurrency))
	}
	return env
}
