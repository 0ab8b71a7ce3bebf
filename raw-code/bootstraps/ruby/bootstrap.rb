# frozen_string_literal: true

# Run a Ruby handler for the local platform: ask the Runtime API for an event, call the handler, answer.
#
#     ruby <this file> <file.method | file.Class.method> [isolated]
#
# Behaves as AWS's own runtime does. It speaks to the API over a plain socket: net/http costs a start some milliseconds.

require 'json'
require 'socket'

module StellarBootstrap
  BASE = '/2018-06-01/runtime/'

  # Gone says that the Runtime API does not answer any more.
  class Gone < StandardError; end

  # InitError says that the handler cannot be loaded; kind is AWS's name for the reason.
  class InitError < StandardError
    attr_reader :kind, :origin

    def initialize(kind, message, origin = nil)
      super(message)
      @kind = kind
      @origin = origin
    end
  end

  # Connection is one kept connection to the Runtime API: strictly one request after the other.
  class Connection
    def initialize(address)
      @address = address
      @socket = nil
    end

    # request gives status, headers (names in lower case) and body of the answer.
    def request(method, path, body = '', headers = '')
      @socket ||= connect
      head = "#{method} #{BASE}#{path} HTTP/1.1\r\nHost: #{@address}\r\n#{headers}"
      @socket.write(head, "Content-Length: #{body.bytesize}\r\n\r\n", body)
      answer
    rescue SystemCallError, IOError, SocketError, ArgumentError => e
      raise Gone, "the Runtime API at #{@address} is gone: #{e.message}"
    end

    private

    def connect
      host, _, port = @address.rpartition(':')
      socket = TCPSocket.new(host.delete('[]'), Integer(port, 10))
      socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      socket
    end

    def line
      @socket.gets("\r\n", chomp: true) || raise(IOError, 'it closed the connection')
    end

    def exactly(count)
      data = @socket.read(count)
      raise IOError, 'it closed the connection' if count.positive? && data&.bytesize != count

      data
    end

    def answer
      status = line.split(' ', 3)[1].to_i
      headers = {}
      until (field = line).empty?
        name, value = field.split(':', 2)
        headers[name.downcase] = value.to_s.strip
      end
      body = headers['transfer-encoding'].to_s.casecmp?('chunked') ? chunks : exactly(headers['content-length'].to_i)
      if headers['connection'].to_s.casecmp?('close')
        @socket.close
        @socket = nil
      end
      [status, headers, (body || +'').force_encoding(Encoding::UTF_8)]
    end

    def chunks
      body = +''
      loop do
        size = line.split(';').first.to_i(16)
        if size.zero?
          nil until line.empty?
          return body
        end
        body << exactly(size)
        line
      end
    end
  end

  # Context is the handler's information about its invocation, with AWS's names.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :function_name, :function_version, :memory_limit_in_mb,
                :log_group_name, :log_stream_name, :deadline_ms, :identity, :client_context

    def initialize(headers)
      @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
      @aws_request_id = headers.fetch('lambda-runtime-aws-request-id')
      @invoked_function_arn = headers.fetch('lambda-runtime-invoked-function-arn', '')
      @function_name = ENV.fetch('AWS_LAMBDA_FUNCTION_NAME', '')
      @function_version = ENV.fetch('AWS_LAMBDA_FUNCTION_VERSION', '$LATEST')
      @memory_limit_in_mb = ENV.fetch('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', '')
      @log_group_name = ENV.fetch('AWS_LAMBDA_LOG_GROUP_NAME', '')
      @log_stream_name = ENV.fetch('AWS_LAMBDA_LOG_STREAM_NAME', '')
    end

    def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName -- AWS's name
      [@deadline_ms - (Process.clock_gettime(Process::CLOCK_REALTIME) * 1000).to_i, 0].max
    end
  end

  module_function

  # Gems that come with Ruby, and the AWS SDK: what the cloud's runtime has. Default gems say themselves that they are.
  BUNDLED = %w[
    abbrev base64 bigdecimal bundler csv debug drb getoptlong matrix minitest mutex_m net-ftp net-imap net-pop net-smtp
    nkf observer power_assert prime racc rake rbs resolv-replace rexml rinda rss syslog test-unit typeprof jmespath
  ].freeze

  # OnlyOwnGems hides gems that are only installed on this machine from require.
  module OnlyOwnGems
    def stubs
      super.select { |gem| StellarBootstrap.gem?(gem) }
    end

    def stubs_for(name)
      super.select { |gem| StellarBootstrap.gem?(gem) }
    end
  end

  def gem?(gem)
    gem.default_gem? || BUNDLED.include?(gem.name) || gem.name.start_with?('aws-') ||
      gem.base_dir.start_with?("#{@root}/")
  end

  # isolate lets require find the package, what comes with Ruby, and the AWS SDK where the machine has it. Debian keeps
  # RubyGems in its folder of libraries, which therefore stays.
  def isolate(root)
    @root = root
    site = RbConfig::CONFIG['sitedir']
    $LOAD_PATH.reject! { |path| path.start_with?(site) }
    Gem::Specification.singleton_class.prepend(OnlyOwnGems) if defined?(Gem::Specification)
  end

  # load finds the handler: file.method, or file.Module::Class.method.
  def load_handler(handler, root)
    file, *owner, name = handler.split('.')
    if file.nil? || name.nil? || owner.length > 1 || [file, name].any?(&:empty?)
      raise InitError.new('Runtime.MalformedHandlerName',
                          "Bad handler '#{handler}': it must be file.method or file.Class.method")
    end
    require_file(File.join(root, "#{file}.rb"), file)
    found = owner.empty? ? TOPLEVEL_BINDING.receiver : Object.const_get(owner.first)
    found.method(name)
  rescue NameError => e
    raise InitError.new('Runtime.HandlerNotFound', "Handler '#{handler}' was not found: #{e.message}", e)
  end

  def require_file(path, name)
    raise InitError.new('Runtime.ImportModuleError', "cannot load such file -- #{name}") unless File.file?(path)

    begin
      require path
    rescue LoadError => e
      raise InitError.new('Runtime.ImportModuleError', e.message, e)
    rescue SyntaxError => e
      raise InitError.new('Runtime.UserCodeSyntaxError', e.message, e)
    rescue NameError => e # one of the file's own: it is there, and it fails
      raise InitError.new(e.class.name, e.message, e)
    end
  end

  # describe returns AWS's JSON form of an error. Frames of this file are left out of the trace.
  def describe(error, kind = nil, message = nil)
    origin = error.is_a?(InitError) ? error.origin : error
    kind ||= error.is_a?(InitError) ? error.kind : error.class.name
    { 'errorMessage' => (message || error.message).to_s.dup.force_encoding('UTF-8').scrub, 'errorType' => kind,
      'stackTrace' => (origin&.backtrace || []).reject { |frame| frame.start_with?(__FILE__, '<internal:') } }
  end

  def post_error(connection, path, description)
    trace = description['stackTrace'].join("\n")
    $stderr.write("[ERROR] #{description['errorType']}: #{description['errorMessage']}\n#{trace}\n")
    kind = description['errorType'].gsub(/[^\w.-]/, '') # only what a header may hold
    connection.request('POST', path, JSON.generate(description),
                       "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: #{kind}\r\n")
  end

  # invoke calls the handler and returns its answer as JSON text, or a description of the error.
  def invoke(handler, text, headers)
    begin
      event = JSON.parse(text, quirks_mode: true)
    rescue JSON::ParserError => e
      return [nil, describe(e, 'Runtime.UnmarshalError', "Unable to unmarshal input: #{e.message}")]
    end
    begin
      result = handler.call(event: event, context: Context.new(headers))
    rescue StandardError, NotImplementedError, SystemStackError => e
      return [nil, describe(e)]
    end
    [JSON.generate(result), nil]
  rescue JSON::GeneratorError, EncodingError => e
    [nil, describe(e, 'Runtime.MarshalError', "Unable to marshal response: #{e.message}")]
  end

  # serve answers events until the Runtime API goes away.
  def serve(address, handler)
    connection = Connection.new(address)
    loop do
      status, headers, event = connection.request('GET', 'invocation/next')
      raise Gone, "invocation/next answered #{status}: #{event[0, 200]}" unless status == 200

      id = headers.fetch('lambda-runtime-aws-request-id')
      ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id'] if headers['lambda-runtime-trace-id']
      answer, error = invoke(handler, event, headers)
      if error
        post_error(connection, "invocation/#{id}/error", error)
        next
      end
      status, _, said = connection.request('POST', "invocation/#{id}/response", answer,
                                           "Content-Type: application/json\r\n")
      # Too long, or too late: the platform has handled it, and the next event is not affected.
      warn("response to #{id} answered #{status}: #{said[0, 200]}") unless status == 202
    end
  end

  # serve_to_the_end: the process ends with the first loop that ends; an instance with fewer loops would hide the
  # failure.
  def serve_to_the_end(address, handler)
    serve(address, handler)
  rescue Gone => e
    warn(e.message)
  rescue Exception => e # rubocop:disable Lint/RescueException -- SystemExit among them: the platform is to see the end
    warn(e.full_message(highlight: false))
  ensure
    $stdout.flush
    exit!(1)
  end

  def run
    address = ENV.fetch('AWS_LAMBDA_RUNTIME_API', '')
    handler = ARGV.first || ENV.fetch('_HANDLER', '')
    if address.empty? || handler.empty?
      abort('ruby bootstrap: AWS_LAMBDA_RUNTIME_API and a handler (argument or _HANDLER) are needed')
    end

    $stdout.sync = true
    root = ENV['LAMBDA_TASK_ROOT'] || Dir.pwd
    isolate(root) if ARGV[1] == 'isolated'
    $LOAD_PATH.unshift(root)
    begin
      found = load_handler(handler, root)
    rescue StandardError => e
      fail_init(address, e)
    end
    loops = [ENV.fetch('AWS_LAMBDA_MAX_CONCURRENCY', '1').to_i, 1].max
    (loops - 1).times { Thread.new { serve_to_the_end(address, found) } }
    serve_to_the_end(address, found)
  end

  def fail_init(address, error)
    post_error(Connection.new(address), 'init/error', describe(error))
  rescue Gone => e
    warn(e.message)
  ensure
    exit!(1)
  end
end

StellarBootstrap.run
