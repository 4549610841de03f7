--  SPDX-License-Identifier: MIT
--  The smallest driver, in Ada, without its run-time library.
--
--      gnatgcc $(pkg-config --cflags banos) -O2 -gnatp -c ada_driver.adb && mv ada_driver.o ada_driver.ko
--
--  -gnatp leaves checks out, whose failure would call the library. No_Elaboration_Code: all
--  objects are initialised when the file is made, as nobody would call the elaboration.

pragma Restrictions (No_Elaboration_Code, No_Exceptions, No_Secondary_Stack);

with Interfaces; use Interfaces;
with System;

package Ada_Driver is

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

   function Ada_Init (Self : Owner) return Integer_64 with Convention => C;
   function Ada_Exit (Self : Owner) return Integer_64 with Convention => C;

   Descriptor : Driver_Record :=
     (Size          => Driver_Record'Size / 8,
      Kind          => 1,
      Level         => 1,
      Level_Min     => 0,
      Features_Must => 0,
      Features_May  => 0,
      Name          => ('a', 'd', 'a', '_', 'd', 'r', 'i', 'v', 'e', 'r', others => ASCII.NUL),
      Version       => ('1', '.', '0', others => ASCII.NUL),
      Licence       => ('M', 'I', 'T', others => ASCII.NUL),
      Description   => ('I', 'n', ' ', 'A', 'd', 'a', others => ASCII.NUL),
      Init          => Ada_Init'Access,
      Leave         => Ada_Exit'Access)
     with Export, Convention => C, External_Name => "ada_driver_descriptor",
          Linker_Section => ".banos-driver";

end Ada_Driver;
