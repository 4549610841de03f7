--  SPDX-License-Identifier: MIT

package body Ada_Driver is

   type Arguments is array (0 .. 1) of Unsigned_64;

   Banos_Info : constant Unsigned_32 := 6;

   function Print_Args
     (Self   : Owner;
      Level  : Unsigned_32;
      Format : System.Address;
      Args   : System.Address;
      Count  : Unsigned_32) return Integer_64
     with Import, Convention => C, External_Name => "banos_print_args";

   Hello   : constant String := "Hello from Ada: %u and %u" & ASCII.NUL;
   Goodbye : constant String := "Goodbye from Ada" & ASCII.NUL;

   function Ada_Init (Self : Owner) return Integer_64 is
      Values : Arguments := (1, 1);
   begin
      for Turn in 1 .. 10 loop
         Values := (Values (1), Values (0) + Values (1));
      end loop;
      return Print_Args (Self, Banos_Info, Hello'Address, Values'Address, 2);
   end Ada_Init;

   function Ada_Exit (Self : Owner) return Integer_64 is
   begin
      return Print_Args (Self, Banos_Info, Goodbye'Address, System.Null_Address, 0);
   end Ada_Exit;

end Ada_Driver;
