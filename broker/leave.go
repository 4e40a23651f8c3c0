package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave speaks for members that have died: `drover-broker leave --broker ADDRESS --client ID GROUP...` takes every
// member with this client id out of these groups, so that its partitions need not wait for the session to run out. On
// kfake sessions are long (see broker.go), and whoever started the members knows at once that they are gone.
func leave(args []string) error {
	flags := flag.NewFlagSet("drover-broker leave", flag.ExitOnError)
	broker := flags.String("broker", "127.0.0.1:9092", "address of the broker")
	client := flags.String("client", "", "client id of the dead members")
	flags.Parse(args)
	if *client == "" || flags.NArg() == 0 {
		return errors.New("leave: --client and at least one group are needed")
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(*broker))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, group := range flags.Args() {
		if err := leaveGroup(ctx, c, group, *client); err != nil {
			return fmt.Errorf("%s could not be taken out of %s: %w", *client, group, err)
		}
	}
	return nil
}

func leaveGroup(ctx context.Context, c *kgo.Client, group, client string) error {
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	described, err := describe.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	for _, g := range described.Groups {
		for _, member := range g.Members {
			if member.ClientID != client {
				continue
			}
			request := kmsg.NewPtrLeaveGroupRequest()
			request.Group = group
			request.MemberID = member.MemberID // up to version 2
			one := kmsg.NewLeaveGroupRequestMember()
			one.MemberID = member.MemberID
			request.Members = append(request.Members, one)
			left, err := request.RequestWith(ctx, c)
			if err != nil {
				return err
			}
			codes := []int16{left.ErrorCode}
			for _, m := range left.Members {
				codes = append(codes, m.ErrorCode)
			}
			for _, code := range codes {
				if err := kerr.ErrorForCode(code); err != nil && !errors.Is(err, kerr.UnknownMemberID) { // gone is what was asked for
					return err
				}
			}
		}
	}
	return nil
}
