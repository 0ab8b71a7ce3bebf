# frozen_string_literal: true

require 'socket'
require 'uri'

module Measure
  # Server is as much of HTTP/1.1 as the function needs behind a platform: requests with a Content-Length on kept
  # connections, a thread for each. Ruby's standard library has had no HTTP server since version 3.0.
  class Server
    MAX_LINE = 16 << 10 # bytes of one line of a request's head
    MAX_FIELDS = 200
    REASONS = { 200 => 'OK', 400 => 'Bad Request', 401 => 'Unauthorized', 411 => 'Length Required',
                431 => 'Request Header Fields Too Large' }.freeze

    def initialize(port)
      @port = port
      seconds = Float(ENV.fetch('STELLAR_TIMEOUT_SECONDS', '3600'))
      @timeout_ns = (seconds * 1e9).to_i
    rescue ArgumentError, FloatDomainError
      @timeout_ns = LONGEST_TIMEOUT_NS
    end

    # run answers until the process is ended.
    def run
      server = listen
      Measure.ready
      loop do
        Thread.new(server.accept) { |connection| serve(connection) }
      end
    end

    private

    def listen
      server = TCPServer.new('0.0.0.0', @port)
      server.listen(1024) # a burst arrives at once
      server
    end

    def serve(connection)
      connection.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      nil while one(connection)
    rescue SystemCallError, IOError
      nil # the client went away
    ensure
      connection.close
    end

    # one answers one request and reports whether the connection is kept.
    def one(connection)
      line = connection.gets("\n", MAX_LINE)
      return false unless line

      method, target, version = line.split
      fields = read_fields(connection)
      instance = Measure.claim
      body = read_body(connection, fields)
      keep = version == 'HTTP/1.1' && fields['connection'].to_s.downcase != 'close'
      status, text = work(instance, target.to_s, fields, body)
      reply(connection, status, method == 'HEAD' ? '' : text, keep)
      keep
    rescue Refused => e
      reply(connection, e.status, JSON.generate({ 'error' => e.message }), false)
      false
    end

    def read_fields(connection)
      fields = {}
      MAX_FIELDS.times do
        line = connection.gets("\n", MAX_LINE)
        raise IOError, 'the head broke off' unless line
        raise Refused.new(431, 'a line of the head is too long') unless line.end_with?("\n")
        return fields if line.strip.empty?

        name, value = line.split(':', 2)
        fields[name.downcase] = value.to_s.strip
      end
      raise Refused.new(431, "the head has more than #{MAX_FIELDS} fields")
    end

    # read_body reads the body to its end so that the connection can be kept; it gives only what may ask for
    # micro-tests.
    def read_body(connection, fields)
      raise Refused.new(411, 'this function wants a Content-Length with a body') if fields['transfer-encoding']

      length = fields.fetch('content-length', '0')
      raise Refused.new(400, 'Content-Length is not a number') unless Measure.digits?(length) && length.length <= 18

      left = length.to_i
      kept = +''
      while left.positive?
        part = connection.readpartial([left, 1 << 16].min)
        left -= part.bytesize
        kept << part if kept.bytesize < MAX_CMDS && (!kept.empty? || part.start_with?('{'))
      end
      kept
    end

    def work(instance, target, fields, body)
      Measure.answer(instance, Measure.now, request_id(fields), fields['x-stellar-token'], query(target),
                     Measure.cmds?(body), @timeout_ns)
    end

    # request_id is the platform's name for the request. Anyone may send such a header: a long one is ignored.
    def request_id(fields)
      %w[x-request-id x-cloud-trace-context cf-ray].each do |name|
        value = fields[name]
        return value if value && !value.empty? && value.length <= 256
      end
      nil
    end

    # query is the query as gateways give it: a parameter given twice is joined, so that it is refused in the same way.
    def query(target)
      pairs = URI.decode_www_form(target.partition('?').last.gsub(';', '%3B'))
      pairs.group_by(&:first).transform_values { |all| all.map(&:last).join(',') }
    rescue ArgumentError
      raise Refused.new(400, 'the query cannot be read')
    end

    def reply(connection, status, text, keep)
      connection.write("HTTP/1.1 #{status} #{REASONS[status]}\r\nContent-Type: application/json\r\n" \
                       "Content-Length: #{text.bytesize}\r\n" \
                       "Connection: #{keep ? 'keep-alive' : 'close'}\r\n\r\n#{text}")
    end
  end
end
