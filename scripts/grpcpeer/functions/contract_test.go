package functions

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The chain's contract as the protocol buffers' own library has it, beside which the function's hand-written messages
// are held.

// contract are the descriptors of the two messages. The old ones hold only what functions on vHive have always had.
type contract struct {
	request, reply protoreflect.MessageDescriptor
}

func text(number int32, name string) *descriptorpb.FieldDescriptorProto {
	return field(number, name, descriptorpb.FieldDescriptorProto_TYPE_STRING)
}

func integer(number int32, name string) *descriptorpb.FieldDescriptorProto {
	return field(number, name, descriptorpb.FieldDescriptorProto_TYPE_INT64)
}

func field(number int32, name string, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: &kind, JsonName: &name,
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
}

func repeated(number int32, name, of string) *descriptorpb.FieldDescriptorProto {
	f := field(number, name, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE)
	f.TypeName, f.Label = proto.String(".proto_gen."+of), descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

func message(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: &name, Field: fields}
}

// describe makes the contract: the eight fields of old, and with ours those from 100 up.
func describe(t *testing.T, ours bool) contract {
	t.Helper()
	request := message("InvokeChainRequest", text(1, "incrementLimit"), text(2, "dataTransferChainIDs"),
		text(3, "payloadLengthBytes"),
		text(4, "transferPayload"), text(5, "timestampChain"), text(6, "bucket"), text(7, "key"),
		field(8, "storageTransfer", descriptorpb.FieldDescriptorProto_TYPE_BOOL))
	reply := message("InvokeChainReply", text(1, "timestampChain"))
	stamp := message("Stamp", integer(1, "function"), integer(2, "at"))
	hop := message("Hop", integer(1, "function"), integer(2, "sentAt"), integer(3, "receivedAt"), integer(4, "bytes"),
		integer(5, "repliedAt"), integer(6, "answeredAt"))
	if ours {
		reply.Field = append(reply.Field, text(100, "requestID"), text(101, "instanceID"),
			field(102, "cold", descriptorpb.FieldDescriptorProto_TYPE_BOOL), integer(103, "invocation"),
			integer(104, "initNs"),
			integer(105, "spinNs"), integer(106, "receivedAt"), integer(107, "repliedAt"),
			repeated(108, "stamps", "Stamp"),
			repeated(109, "hops", "Hop"), integer(110, "payloadBytes"), integer(111, "increments"),
			field(112, "sink", descriptorpb.FieldDescriptorProto_TYPE_UINT64))
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String(fmt.Sprintf("chainfunction-%v.proto", ours)), Syntax: proto.String("proto3"),
		Package:     proto.String("proto_gen"),
		MessageType: []*descriptorpb.DescriptorProto{request, reply, stamp, hop},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return contract{file.Messages().ByName("InvokeChainRequest"), file.Messages().ByName("InvokeChainReply")}
}

// ask is a request with the given texts; the field storageTransfer is set by its name.
func (c contract) ask(pairs ...string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(c.request)
	for i := 0; i < len(pairs); i += 2 {
		f := c.request.Fields().ByName(protoreflect.Name(pairs[i]))
		if f.Kind() == protoreflect.BoolKind {
			m.Set(f, protoreflect.ValueOfBool(pairs[i+1] == "true"))
		} else {
			m.Set(f, protoreflect.ValueOfString(pairs[i+1]))
		}
	}
	return m
}

func textOf(m protoreflect.Message, name string) string {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).String()
}

func intOf(m protoreflect.Message, name string) int64 {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).Int()
}

func listOf(m protoreflect.Message, name string) (out []protoreflect.Message) {
	l := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).List()
	for i := range l.Len() {
		out = append(out, l.Get(i).Message())
	}
	return out
}
