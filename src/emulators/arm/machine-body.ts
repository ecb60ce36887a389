import { z } from 'zod';
import { ArmRefusal } from './arm-answer.ts';

const reference = z.strictObject({ id: z.string() });
const deleteOption = z.enum(['Delete', 'Detach']);

const osDisk = z.strictObject({
  createOption: z.enum(['FromImage', 'Attach', 'Empty']),
  name: z.string().optional(),
  osType: z.enum(['Linux', 'Windows']).optional(),
  caching: z.enum(['None', 'ReadOnly', 'ReadWrite']).optional(),
  diskSizeGB: z.int().min(1).max(4095).optional(),
  deleteOption: deleteOption.optional(),
  managedDisk: z
    .strictObject({
      storageAccountType: z
        .enum(['Standard_LRS', 'StandardSSD_LRS', 'StandardSSD_ZRS', 'Premium_LRS', 'Premium_ZRS', 'PremiumV2_LRS'])
        .optional(),
    })
    .optional(),
});

const imageReference = z.strictObject({
  id: z.string().optional(),
  publisher: z.string().optional(),
  offer: z.string().optional(),
  sku: z.string().optional(),
  version: z.string().optional(),
  communityGalleryImageId: z.string().optional(),
  sharedGalleryImageId: z.string().optional(),
});

const osProfile = z.strictObject({
  computerName: z.string().min(1).max(64),
  adminUsername: z.string().min(1),
  adminPassword: z.string().optional(),
  customData: z.base64().max(87_380).optional(),
  allowExtensionOperations: z.boolean().optional(),
  linuxConfiguration: z
    .strictObject({
      disablePasswordAuthentication: z.boolean().optional(),
      provisionVMAgent: z.boolean().optional(),
      ssh: z
        .strictObject({ publicKeys: z.array(z.strictObject({ path: z.string(), keyData: z.string() })) })
        .optional(),
    })
    .optional(),
});

const tags = z.record(z.string().min(1).max(512), z.string().max(256));

const publicAddress = z.strictObject({
  name: z.string().min(1),
  tags: tags.optional(),
  sku: z.strictObject({ name: z.enum(['Basic', 'Standard']).optional(), tier: z.string().optional() }).optional(),
  properties: z
    .strictObject({
      deleteOption: deleteOption.optional(),
      publicIPAllocationMethod: z.enum(['Static', 'Dynamic']).optional(),
      publicIPAddressVersion: z.enum(['IPv4', 'IPv6']).optional(),
    })
    .optional(),
});

const ipConfiguration = z.strictObject({
  name: z.string().min(1),
  properties: z.strictObject({
    subnet: reference.optional(),
    primary: z.boolean().optional(),
    publicIPAddressConfiguration: publicAddress.optional(),
    privateIPAddressVersion: z.enum(['IPv4', 'IPv6']).optional(),
  }),
});

const networkProfile = z.strictObject({
  networkApiVersion: z.string().optional(),
  networkInterfaces: z
    .array(
      z.strictObject({
        id: z.string(),
        properties: z
          .strictObject({ primary: z.boolean().optional(), deleteOption: deleteOption.optional() })
          .optional(),
      }),
    )
    .optional(),
  networkInterfaceConfigurations: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        tags: tags.optional(),
        properties: z.strictObject({
          primary: z.boolean().optional(),
          deleteOption: deleteOption.optional(),
          enableAcceleratedNetworking: z.boolean().optional(),
          enableIPForwarding: z.boolean().optional(),
          networkSecurityGroup: reference.optional(),
          ipConfigurations: z.array(ipConfiguration).min(1),
        }),
      }),
    )
    .optional(),
});

const machineBody = z.strictObject({
  location: z.string().min(1),
  tags: tags.default({}),
  zones: z.array(z.string()).max(1).optional(),
  identity: z
    .strictObject({
      type: z.enum(['SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned', 'None']),
      userAssignedIdentities: z.record(z.string(), z.strictObject({})).optional(),
    })
    .optional(),
  properties: z.strictObject({
    hardwareProfile: z.strictObject({ vmSize: z.string().min(1) }),
    storageProfile: z.strictObject({ imageReference: imageReference.optional(), osDisk }),
    osProfile,
    networkProfile,
    priority: z.enum(['Regular', 'Low', 'Spot']).optional(),
    evictionPolicy: z.enum(['Deallocate', 'Delete']).optional(),
    billingProfile: z.strictObject({ maxPrice: z.number() }).optional(),
    capacityReservation: z.strictObject({ capacityReservationGroup: reference.optional() }).optional(),
    userData: z.string().optional(),
  }),
});

/** The part of ARM's VirtualMachine that the emulated cloud knows; every other member is refused, not ignored. */
export type MachineBody = z.infer<typeof machineBody>;

/** Throws an ArmRefusal in ARM's words for a body it would refuse. */
export function readMachineBody(text: string): MachineBody {
  const parsed = machineBody.safeParse(parsedJson(text));
  if (!parsed.success) throw bodyRefusal(parsed.error.issues);
  const body = parsed.data;
  checkTags(body);
  checkSpot(body);
  checkLogin(body);
  checkNetwork(body);
  const image = body.properties.storageProfile.imageReference;
  if (image !== undefined && image.id === undefined && (image.publisher === undefined || image.version === undefined))
    throw invalidParameter('imageReference', "Required parameter 'imageReference' is missing (null).");
  return body;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ArmRefusal(
      400,
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized.',
    );
  }
}

function bodyRefusal(issues: readonly z.core.$ZodIssue[]): ArmRefusal {
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown?.code === 'unrecognized_keys') {
    const member = unknown.keys[0] ?? '';
    const where = [...unknown.path, member].map(String).join('.');
    return new ArmRefusal(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: 'Could not find member '${member}' on object of type 'VirtualMachine'. Path '${where}', line 1, position 1.'.`,
    );
  }
  const where = issues[0]?.path.map(String).join('.') ?? '';
  const missing = issues[0]?.code === 'invalid_type' && issues[0].message.includes('undefined');
  const message = missing
    ? `Required parameter '${where}' is missing (null).`
    : `The value of parameter ${where} is invalid.`;
  return invalidParameter(where, message);
}

export function invalidParameter(target: string, message: string): ArmRefusal {
  return new ArmRefusal(400, 'InvalidParameter', `${message} Target: '${target}'.`);
}

function checkTags(body: MachineBody): void {
  if (Object.keys(body.tags).length > 50)
    throw new ArmRefusal(400, 'InvalidTags', 'The number of tags exceeds the limit of 50.');
}

function checkSpot(body: MachineBody): void {
  const { priority = 'Regular', evictionPolicy, billingProfile } = body.properties;
  if (priority !== 'Regular') {
    const maxPrice = billingProfile?.maxPrice;
    if (maxPrice !== undefined && maxPrice !== -1 && maxPrice <= 0)
      throw invalidParameter('billingProfile.maxPrice', 'The max price must be -1 or greater than 0.');
    return;
  }
  if (evictionPolicy !== undefined)
    throw invalidParameter('evictionPolicy', 'Eviction policy can be set only on Azure Spot Virtual Machines.');
  if (billingProfile !== undefined)
    throw invalidParameter('billingProfile', 'Billing profile can be set only on Azure Spot Virtual Machines.');
}

function checkLogin(body: MachineBody): void {
  const { adminPassword, linuxConfiguration } = body.properties.osProfile;
  const keys = linuxConfiguration?.ssh?.publicKeys ?? [];
  if (adminPassword === undefined && keys.length === 0)
    throw invalidParameter(
      'linuxConfiguration',
      'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
    );
}

function checkNetwork(body: MachineBody): void {
  const {
    networkApiVersion,
    networkInterfaces = [],
    networkInterfaceConfigurations = [],
  } = body.properties.networkProfile;
  if (networkInterfaces.length + networkInterfaceConfigurations.length === 0)
    throw invalidParameter('networkProfile', 'At least one network interface must be specified.');
  if (networkInterfaceConfigurations.length > 0 && networkApiVersion === undefined)
    throw invalidParameter('networkApiVersion', "Required parameter 'networkApiVersion' is missing (null).");
  for (const { name, properties } of networkInterfaceConfigurations) {
    if (properties.ipConfigurations.some((configuration) => configuration.properties.subnet === undefined))
      throw invalidParameter('subnet', `Subnet reference is required for IP configurations of ${name}.`);
  }
}
