# frozen_string_literal: true

# The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.
#
# A managed runtime calls handler; run as a program it serves HTTP on $PORT. Only the standard library, and what is not
# needed at every start is loaded where it is used: the cold start should measure the platform.

# The earliest instants this file can note of itself.
FIRST_STAMP = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
FIRST_CPU = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :nanosecond)

require 'json'

# Measure is all of the function but its entry points.
module Measure
  MAX_PAYLOAD = 1 << 30 # bytes
  # The duration of one step on a fast processor with a whole core. It is only used to refuse requests that certainly
  # exceed the timeout; calibration measures the real duration.
  NS_PER_INCREMENT = 50.0
  # Used if the platform does not report its timeout: no platform allows longer requests.
  LONGEST_TIMEOUT_NS = 3600 * 1_000_000_000
  SEED = 88_172_645_463_325_252 # Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves
  MAX_CMDS = 1 << 20 # how much of a body that may ask for micro-tests is looked at
  TOKEN_SHA256 = ENV.fetch('STELLAR_TOKEN_SHA256', '').downcase.freeze

  # Refused is a request that is answered with a status and a reason.
  class Refused < StandardError
    attr_reader :status

    def initialize(status, reason)
      super(reason)
      @status = status
    end
  end

  module_function

  def now
    Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
  end

  def clock
    Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
  end

  # start_tick is the earliest instant at which the process can have begun and how much later it may have been, in ns,
  # or nil where the system does not tell.
  def start_tick
    # The second field is the program's name in parentheses and may hold anything: count from its end.
    ticks = Integer(File.binread('/proc/self/stat').rpartition(')').last.split[19]) # starttime, field 22 (proc(5))
    tick = 10_000_000
    age = Process.clock_gettime(Process::CLOCK_BOOTTIME, :nanosecond) - ticks * tick
    [now - age, tick]
  rescue StandardError
    nil
  end

  # process_start estimates when the process began, Unix ns. The kernel gives that in clock ticks of 10 ms; within its
  # tick the start is placed so that the process has been on a CPU all the time up to its first stamp.
  def process_start
    guess = FIRST_STAMP - FIRST_CPU
    earliest, tick = start_tick
    return guess unless earliest

    guess.clamp(earliest, earliest + tick)
  end

  # cpu_model is the first processor's name. Only the first page is read: the kernel makes the file again for each
  # reader.
  def cpu_model
    page = File.open('/proc/cpuinfo', 'rb') { |f| f.readpartial(4096) }
    line = page.force_encoding('UTF-8').scrub.each_line.find { |l| l.start_with?('model name') }
    line ? line.split(':', 2).last.strip : ''
  rescue StandardError
    ''
  end

  def cpu_count
    count = File.foreach('/proc/cpuinfo').count { |l| l.start_with?('processor') } if File.readable?('/proc/cpuinfo')
    return count if count&.positive?

    require 'etc'
    Etc.nprocessors
  end

  def host
    File.read('/proc/sys/kernel/hostname').strip
  rescue StandardError
    require 'socket'
    Socket.gethostname
  end

  def random_id
    Random.urandom(16).unpack1('H*')
  end

  STARTED = process_start
  FIXED = {
    'StartedAt' => STARTED.to_s,
    'Runtime' => "ruby#{RUBY_VERSION}",
    'MemoryMB' => ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'].to_i,
    'CPU' => "#{cpu_count},#{cpu_model}",
    'Host' => host
  }.freeze

  @lock = Mutex.new
  @invocations = 0
  @id = nil
  @init_ns = 0

  # ready notes the end of initialisation.
  def self.ready
    @init_ns = now - STARTED
  end

  # claim is called when a request arrives: under the lock exactly one of several concurrent requests is cold.
  def self.claim
    @lock.synchronize do
      @invocations += 1
      @id ||= random_id # drawn here, so that copies restored from one snapshot differ
      { 'ID' => @id, 'Cold' => @invocations == 1, 'Invocation' => @invocations, 'InitNs' => @init_ns }.merge(FIXED)
    end
  end

  # admit compares hashes, of equal length whatever was sent and in constant time.
  def admit(token)
    return if TOKEN_SHA256.empty?

    # Not digest alone: that loads SHA256 where it is first named, which two threads must not do at once.
    require 'digest/sha2'
    sent = Digest::SHA256.hexdigest(token.to_s)
    return if sent.bytesize == TOKEN_SHA256.bytesize && sent.bytes.zip(TOKEN_SHA256.bytes).sum { |a, b| a ^ b }.zero?

    raise Refused.new(401, "this function wants the run's token in the header X-Stellar-Token")
  end

  def shorten(text)
    text.length <= 40 ? text : "#{text[0, 40]}..."
  end

  def digits?(text)
    text.match?(/\A[0-9]+\z/)
  end

  # count reads a parameter that is a whole number from 0 up; an absent one is 0.
  def count(params, name)
    return 0 unless params.key?(name)

    text = params[name]
    text = (text.is_a?(String) ? text : JSON.generate(text)).dup.force_encoding('UTF-8').scrub
    if text[0] == '-' && digits?(text[1..])
      raise Refused.new(400, "#{name} is #{shorten(text)}, it must not be negative")
    end
    raise Refused.new(400, "#{name} is #{JSON.generate(shorten(text))}, it must be a whole number") unless digits?(text)

    plain = text.sub(/\A0+/, '')
    if plain.length > 19 || plain.to_i >= 1 << 63
      raise Refused.new(400, "#{name} is #{shorten(text)}, that is too large")
    end

    plain.to_i
  end

  # refuse_unready names parameters of the protocol that this function does not support.
  def refuse_unready(params, cmds)
    %w[DataTransferChainIDs Chain].each do |name|
      # Clients send an empty chain with every request.
      next if [nil, '', '[]', 'null', []].include?(params[name])

      raise Refused.new(400, "#{name}: this function does not run chains, ask it without #{name}")
    end
    %w[PutURL GetURL].each do |name|
      next if [nil, ''].include?(params[name])

      raise Refused.new(400, "#{name}: this function does not run transfers through storage, ask it without #{name}")
    end
    if ['true', true].include?(params['StorageTransfer'])
      raise Refused.new(400, 'StorageTransfer: this function does not run transfers through storage, ask it without it')
    end
    return unless cmds || params.key?('cmds')

    raise Refused.new(400, 'cmds: this function does not run micro-tests, ask it without cmds')
  end

  def read_params(params, cmds, left_ns)
    refuse_unready(params, cmds)
    increments = count(params, 'IncrementLimit')
    payload = count(params, 'PayloadLengthBytes')
    if payload > MAX_PAYLOAD
      raise Refused.new(400, "PayloadLengthBytes is #{payload}, at most #{MAX_PAYLOAD} (1 GiB) is allowed")
    end

    need = increments * NS_PER_INCREMENT
    if need > left_ns
      raise Refused.new(400, format(
        "IncrementLimit %<n>d would spin for at least %<need>.3g s, the function's timeout leaves %<left>.3g s",
        n: increments, need: need / 1e9, left: [left_ns, 0].max / 1e9
      ))
    end
    [increments, payload]
  end

  # spin steps n times through xorshift64 with the shifts 13, 7, 17; one step is one increment. The mask comes before
  # the shift, so that only what stays is made.
  def spin(n)
    x = SEED
    i = 0
    while i < n
      x ^= (x & 0x7ffffffffffff) << 13
      x ^= x >> 7
      x ^= (x & 0x7fffffffffff) << 17
      i += 1
    end
    x
  end

  # make_payload makes n bytes that do not compress, the same ones each time.
  def make_payload(length)
    made = 0
    random = Random.new(SEED)
    while made < length
      made += random.bytes([1 << 24, length - made].min).bytesize
    end
    made
  end

  # cmds? reports whether a body is a JSON object that asks for micro-tests. Any other body is a payload.
  def cmds?(body)
    return false unless body.start_with?('{')

    ask = JSON.parse(body)
    ask.is_a?(Hash) && ask.key?('cmds')
  rescue StandardError
    false
  end

  # answer does the work of one request and returns the response's status and JSON text.
  def answer(instance, received, request_id, token, params, cmds, left_ns)
    admit(token)
    increments, payload = read_params(params, cmds, left_ns)
    begun = clock
    state = spin(increments)
    spin_ns = clock - begun
    made = make_payload(payload)
    text = { 'RequestID' => request_id || random_id, 'TimestampChain' => [now.to_s], 'Instance' => instance,
             'ReceivedAt' => received.to_s, 'SpinNs' => spin_ns, 'Increments' => increments,
             'Sink' => state >> 11 } # 53 bits: exact in readers that know only floating point
    text['PayloadBytes'] = made if made.positive?
    [200, JSON.generate(text)]
  rescue Refused => e
    [e.status, JSON.generate({ 'error' => e.message })]
  end

  def body_of(event)
    body = event['body'].is_a?(String) ? event['body'] : ''
    event['isBase64Encoded'] ? body.unpack1('m') : body # what is not base64 asks for nothing
  end

  # read_filler reads the package's padding once, so that platforms which load packages lazily have to bring all of it.
  def read_filler(root)
    buffer = +''
    Dir.glob('stellar-filler*.bin', base: root).sort.each do |name|
      File.open(File.join(root, name), 'rb') { |f| nil while f.read(1 << 20, buffer) }
    end
  end
end

# handler answers an HTTP API event (version 2.0; 1.0 has the same fields), or a direct invocation, whose own members
# are the parameters, X-Stellar-Token among them.
def handler(event:, context:)
  received = Measure.now
  instance = Measure.claim
  params = event.is_a?(Hash) ? event : {}
  token = params['X-Stellar-Token']
  cmds = false
  if params['requestContext']
    token = (params['headers'] || {}).find { |name, _| name.downcase == 'x-stellar-token' }&.last
    cmds = Measure.cmds?(Measure.body_of(params))
    params = params['queryStringParameters'] || {}
  end
  left = context ? context.get_remaining_time_in_millis * 1_000_000 : Measure::LONGEST_TIMEOUT_NS
  token = '' unless token.is_a?(String)
  status, body = Measure.answer(instance, received, context&.aws_request_id, token, params, cmds, left)
  { 'statusCode' => status, 'headers' => { 'Content-Type' => 'application/json' }, 'body' => body }
end

Measure.read_filler(ENV['LAMBDA_TASK_ROOT'] || __dir__) if ENV['STELLAR_FILLER_READ'] == '1'
Measure.ready # a managed runtime asks for its first event as soon as this file is in

if __FILE__ == $PROGRAM_NAME
  unless ENV.fetch('PORT', '').match?(/\A[0-9]+\z/)
    abort 'measure: PORT is not set: nothing to serve (a Lambda runtime calls main.handler)'
  end
  require_relative 'serve'
  Measure::Server.new(Integer(ENV['PORT'], 10)).run
end
