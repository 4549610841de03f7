--  SPDX-License-Identifier: MIT
--  A self-testing driver in Ada: memory seen as an array, text, a timer and a thread that are
--  functions of Ada, a lock. It counts and judges as check.h does.

pragma Restrictions (No_Elaboration_Code, No_Exceptions, No_Secondary_Stack);

with Interfaces; use Interfaces;
with System;

package Ada_Checks is

   type Owner is new System.Address;

   type Entry_Point is access function (Self : Owner) return Integer_64
     with Convention => C;

   --  struct banos_driver_record of <banos/driver.h>
   type Driver_Record is record
      Size, Kind           : Unsigned_32;
      Level, Level_Min     : Unsigned_32;
      Features_Must        : Unsigned_64;
      Features_May         : Unsigned_64;
      Name                 : String (1 .. 56);
      Version              : String (1 .. 48);
      Licence              : String (1 .. 64);
      Description          : String (1 .. 160);
      Init, Leave          : Entry_Point;
   end record
     with Convention => C;

   function Checks_Init (Self : Owner) return Integer_64 with Convention => C;

   Descriptor : Driver_Record :=
     (Size          => Driver_Record'Size / 8,
      Kind          => 1,
      Level         => 1,
      Level_Min     => 0,
      Features_Must => 0,
      Features_May  => 0,
      Name          => ('c', 'o', 'n', 'f', 'o', 'r', 'm', 'a', 'n', 'c', 'e', '_', 'a', 'd', 'a',
                        others => ASCII.NUL),
      Version       => ('1', '.', '0', others => ASCII.NUL),
      Licence       => ('M', 'I', 'T', others => ASCII.NUL),
      Description   => ('T', 'e', 's', 't', 's', ' ', 'i', 'n', ' ', 'A', 'd', 'a',
                        others => ASCII.NUL),
      Init          => Checks_Init'Access,
      Leave         => null)
     with Export, Convention => C, External_Name => "conformance_ada_descriptor",
          Linker_Section => ".banos-driver";

end Ada_Checks;
