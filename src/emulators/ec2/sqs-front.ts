/** SQS as far as reading a queue needs it: AWS JSON 1.0. It answers at once, whatever `WaitTimeSeconds` says: the world sets no timers. */
import { createHash } from 'node:crypto';
import type {
  DeleteMessageBatchRequest,
  DeleteMessageBatchResult,
  GetQueueAttributesRequest,
  GetQueueAttributesResult,
  ReceiveMessageRequest,
  ReceiveMessageResult,
  SendMessageRequest,
  SendMessageResult,
} from '@aws-sdk/client-sqs';
import { DeleteMessageBatch$, GetQueueAttributes$, ReceiveMessage$, SendMessage$ } from '@aws-sdk/client-sqs';
import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import type { RegionFact } from '../world/market-facts.ts';
import { OWNER_ID } from './instance-shape.ts';
import { createJsonFront, defineOperation } from './json-front.ts';
import type { Queue } from './sqs-queue.ts';
import { QUEUE_NAME, queueOf, receiptHandleOf } from './sqs-queue.ts';
import { badRequest, VendorError } from './vendor-error.ts';

const BATCH = 10;

export function createSqsFront(world: World): Front {
  function queue(region: RegionFact, url: string | undefined): Queue {
    const path = URL.parse(url ?? '')?.pathname;
    if (path !== `/${OWNER_ID}/${QUEUE_NAME}`) {
      throw badRequest('QueueDoesNotExist', 'The specified queue does not exist.');
    }
    return queueOf(world, region.name);
  }

  return createJsonFront(world, {
    service: 'sqs',
    signingName: 'sqs',
    target: 'AmazonSQS',
    jsonVersion: '1.0',
    operations: [
      defineOperation(
        ReceiveMessage$,
        (region, input: ReceiveMessageRequest) => receive(queue(region, input.QueueUrl), input),
        { mutating: true },
      ),
      defineOperation(
        DeleteMessageBatch$,
        (region, input: DeleteMessageBatchRequest) => deleteBatch(queue(region, input.QueueUrl), input),
        // IAM knows no batches.
        { mutating: true, permission: 'DeleteMessage' },
      ),
      defineOperation(
        SendMessage$,
        (region, input: SendMessageRequest): SendMessageResult => {
          const message = queue(region, input.QueueUrl).send(input.MessageBody ?? '');
          return { MessageId: message.id, MD5OfMessageBody: md5(message.body) };
        },
        { mutating: true },
      ),
      defineOperation(GetQueueAttributes$, (region, input: GetQueueAttributesRequest): GetQueueAttributesResult => {
        queue(region, input.QueueUrl);
        return { Attributes: { QueueArn: `arn:aws:sqs:${region.name}:${OWNER_ID}:${QUEUE_NAME}` } };
      }),
    ],
    faults: {
      throttle: badRequest('RequestThrottled', 'The request was denied due to request throttling.'),
      'internal-error': new VendorError(500, 'InternalFailure', 'The request processing has failed.'),
      unavailable: new VendorError(503, 'ServiceUnavailable', 'The service is unavailable.'),
      unauthorized: badRequest('AccessDeniedException', 'Access to the resource is denied.'),
    },
  });
}

function receive(queue: Queue, input: ReceiveMessageRequest): ReceiveMessageResult {
  const most = input.MaxNumberOfMessages ?? 1;
  if (!Number.isInteger(most) || most < 1 || most > BATCH) {
    throw badRequest(
      'InvalidParameterValue',
      `Value ${most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and ${BATCH}.`,
    );
  }
  const messages = queue.receive(most, input.VisibilityTimeout).map((message) => ({
    MessageId: message.id,
    ReceiptHandle: receiptHandleOf(message),
    MD5OfBody: md5(message.body),
    Body: message.body,
  }));
  // SQS leaves the list out when there is nothing.
  return messages.length === 0 ? {} : { Messages: messages };
}

function deleteBatch(queue: Queue, { Entries: entries = [] }: DeleteMessageBatchRequest): DeleteMessageBatchResult {
  if (entries.length === 0) {
    throw badRequest(
      'EmptyBatchRequest',
      'There should be at least one DeleteMessageBatchRequestEntry in the request.',
    );
  }
  if (entries.length > BATCH) {
    throw badRequest('TooManyEntriesInBatchRequest', `Maximum number of entries per request are ${BATCH}.`);
  }
  const done = entries.map(({ Id: id = '', ReceiptHandle: handle = '' }) => ({ id, removed: queue.remove(handle) }));
  return {
    Successful: done.filter(({ removed }) => removed).map(({ id }) => ({ Id: id })),
    Failed: done
      .filter(({ removed }) => !removed)
      .map(({ id }) => ({
        Id: id,
        SenderFault: true,
        Code: 'ReceiptHandleIsInvalid',
        Message: 'The input receipt handle is invalid.',
      })),
  };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
