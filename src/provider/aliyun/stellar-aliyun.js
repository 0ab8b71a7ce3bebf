'use strict';

// Written by stellar beside serverless.yml, after serverless-aliyun-function-compute 1.2.6 in its list of plugins. That
// plugin puts packages into a bucket of the whole account and deletes the bucket on `remove`; it makes log projects,
// log stores and roles that it does not delete; and it has no environment variables. Here all that is made has a name
// of this service's own, and is what `remove` deletes. `info` says at its end what is still there.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const STATE = '.stellar-aliyun.json'; // where a deployment went, for those who remove it with another environment

const LONGEST = 30000; // ms that API Gateway waits for a function at most

class StellarAliyun {
  constructor(serverless, options) {
    this.serverless = serverless;
    this.options = options;
    this.provider = serverless.getProvider('aliyun');
    this.region();
    this.names();
    this.credentials();
    this.resources();
    this.withoutLogs();
    this.hooks = {
      'before:deploy:deploy': () => this.remember(),
      'before:remove:remove': () => {
        this.options['remove-roles'] = true;
      },
      'after:info:info': () => this.left(),
    };
  }

  dir() {
    return this.serverless.serviceDir || this.serverless.config.servicePath;
  }

  region() {
    let was = {};
    try {
      was = JSON.parse(fs.readFileSync(path.join(this.dir(), STATE), 'utf8'));
    } catch {
      // nothing was deployed from here
    }
    const region = was.region || this.serverless.service.provider.region || process.env.ALIBABA_CLOUD_REGION_ID;
    if (region) this.options.region = this.provider.options.region = region;
  }

  remember() {
    fs.writeFileSync(path.join(this.dir(), STATE), `${JSON.stringify({ region: this.provider.options.region })}\n`);
  }

  // names are as long as the shortest limit, the API's 50 characters, and no other run's: the service's name is the
  // run's own.
  names() {
    const hash = crypto.createHash('sha256').update(this.serverless.service.service).digest('hex').slice(0, 24);
    const p = this.provider;
    p.getServiceName = () => this.serverless.service.service;
    p.getDeploymentBucketName = () => `stellar-${hash}`;
    p.getApiGroupName = () => `stellar_${hash}`;
    p.getEventName = (type) => `stellar_${type}_${hash}`;
    p.getInvokeRoleName = () => `stellar-${hash}-invoke`;
    p.getExecRoleName = () => `stellar-${hash}-exec`; // never made: `remove` looks for it
  }

  credentials() {
    const names = ['ACCESS_KEY_ID', 'ACCESS_KEY_SECRET', 'ACCOUNT_ID'];
    const [id, secret, account] = names.map((n) => process.env[`ALIBABA_CLOUD_${n}`]);
    if (!id || !secret || !account) return; // the file that serverless.yml names
    const key = { aliyun_access_key_id: id, aliyun_access_key_secret: secret, aliyun_account_id: account };
    Object.defineProperty(this.provider, 'key', { get: () => key });
  }

  resources() {
    const p = this.provider;
    const { getFunctionResource, getObjectResource, getServiceConfig, getServiceResource } = p;
    p.getFunctionResource = (fn) => {
      const resource = getFunctionResource.call(p, fn);
      if (fn.environment) resource.Properties.environmentVariables = fn.environment;
      return resource;
    };
    p.getServiceConfig = (event, fn) => {
      const config = getServiceConfig.call(p, event, fn);
      config.ServiceTimeout = Math.min(fn.timeout * 1000, LONGEST); // the plugin has the gateway give up after 3 s
      return config;
    };
    p.getObjectResource = (name) => {
      const file = path.resolve(this.dir(), this.serverless.service.package.artifact);
      return getObjectResource.call(p, name, file);
    };
    p.getServiceResource = () => {
      const resource = getServiceResource.call(p);
      delete resource.Properties.logConfig;
      const { tags } = this.serverless.service.provider;
      if (tags) resource.Properties.description = JSON.stringify(tags); // the plugin's interface has no tags
      return resource;
    };
  }

  // withoutLogs leaves out what the plugin makes for logs, which nobody reads here, and its waits for it.
  withoutLogs() {
    const deploy = this.serverless.pluginManager.plugins.find((one) => one.constructor.name === 'AliyunDeploy');
    deploy.createLogConfigIfNotExists = async () => {};
    deploy.setupExecRole = async () => {
      deploy.execRole = {};
    };
    Object.defineProperty(this.provider, 'projectDelay', { value: 0 });
  }

  async left() {
    const p = this.provider;
    const found = [];
    const look = async (kind, name, there) => {
      if (await there) found.push(`${kind} ${name}`);
    };
    await look('service', p.getServiceName(), p.getService(p.getServiceName()));
    await look('API group', p.getApiGroupName(), p.getApiGroup(p.getApiGroupName()));
    await look('role', p.getInvokeRoleName(), p.getRole(p.getInvokeRoleName()));
    await look('bucket', p.getDeploymentBucketName(), p.getBucket(p.getDeploymentBucketName()));
    process.stdout.write(`stellar-left: ${JSON.stringify(found)}\n`);
  }
}

module.exports = StellarAliyun;
