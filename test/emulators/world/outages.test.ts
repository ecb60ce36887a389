import { describe, expect, it } from 'vitest';
import { stage } from './world-stage.ts';

describe('outages', () => {
  it('of a region take down exactly that', () => {
    const { world, control } = stage();
    control.setOutage('aws', 'north', true);
    expect([world.isDown('aws', 'north'), world.isDown('aws', 'south'), world.isDown('aws', null)]).toEqual([
      ...[true, false, false],
    ]);
    expect(world.isDown('gcp', 'north')).toBe(false);
    control.setOutage('aws', 'north', false);
    expect(world.isDown('aws', 'north')).toBe(false);
  });

  it('of a cloud take down all of it, and leave a region down that was down by itself', () => {
    const { world, control } = stage();
    control.setOutage('aws', 'north', true);
    control.setOutage('aws', null, true);
    expect([world.isDown('aws', 'north'), world.isDown('aws', 'south'), world.isDown('aws', null)]).toEqual([
      ...[true, true, true],
    ]);
    expect(world.isDown('azure', null)).toBe(false);
    control.setOutage('aws', null, false);
    expect([world.isDown('aws', 'north'), world.isDown('aws', 'south')]).toEqual([true, false]);
  });

  it('name the regions there are when told of one that is not', () => {
    const { control } = stage();
    expect(() => control.setOutage('aws', 'atlantis', true)).toThrow('there are north, south');
  });
});

describe('denied permissions', () => {
  it('are those that a glob of the last list matches, in one cloud', () => {
    const { world, control } = stage();
    control.setDenied('aws', ['ec2:Run*', 'pricing:GetProducts']);
    function denied(...names: readonly string[]): readonly boolean[] {
      return names.map((name) => world.isDenied('aws', name));
    }
    expect(denied('ec2:RunInstances', 'pricing:GetProducts', 'ec2:DescribeInstances')).toEqual([true, true, false]);
    expect(world.isDenied('azure', 'ec2:RunInstances')).toBe(false);
    control.setDenied('aws', ['ec2:Describe*']);
    expect(denied('ec2:RunInstances', 'ec2:DescribeInstances')).toEqual([false, true]);
    control.setDenied('aws', []);
    expect(denied('ec2:DescribeInstances')).toEqual([false]);
  });
});
