package com.amazonaws.services.lambda.runtime;

/**
 * The handler's information about its invocation. The names are those of AWS's interface, which every Lambda runtime
 * for Java brings along; this one stands in for it where code is compiled and where a package has no other. It leaves
 * out what needs further types of AWS's.
 */
public interface Context {
    String getAwsRequestId();

    String getLogGroupName();

    String getLogStreamName();

    String getFunctionName();

    String getFunctionVersion();

    String getInvokedFunctionArn();

    /** Milliseconds until the platform ends the invocation. */
    int getRemainingTimeInMillis();

    /** Memory of the function in MB. */
    int getMemoryLimitInMB();
}
